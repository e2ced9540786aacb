//! Lists, and what the server does for them.

use crate::{
    samples::{self, at},
    support::{Db, catalog, ordering, with_db},
};
use bson::doc;
use skep_application::{
    catalog::{ProductQueries as _, ProductSort, ProductSortKey},
    kernel::{PageRequest, Position, Scope, SortValue},
    ordering::OrderQueries as _,
};
use skep_domain::{
    catalog::{Product, Sku},
    shared::{Direction, PageLimit, Text, UserId},
};

const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

/// 25 products on sale with few different names, prices and times, and one that is archived.
async fn shelf(db: &Db) -> Vec<Product> {
    let names = ["Zebra", "apple", "Äpfel", "🐝", "a"];
    let mut products: Vec<Product> = (0..25_i64)
        .zip(names.into_iter().cycle())
        .map(|(n, name)| Product {
            name: Text::line(name, 99).unwrap(),
            price: samples::euros(n % 3),
            created_at: at(n % 4),
            sku: Sku::parse(&format!("{}{n:02}", if n % 2 == 0 { "a" } else { "B" })).unwrap(),
            ..samples::product()
        })
        .collect();
    let mut tx = catalog(&db.store).await;
    for product in &products {
        tx.products().insert(product).await.unwrap();
    }
    let mut archived = samples::product();
    archived.archive(at(1));
    tx.products().insert(&archived).await.unwrap();
    tx.commit().await.unwrap();
    products.sort_by_key(|product| product.id);
    products
}

fn page(limit: i64, after: Option<Position>) -> PageRequest {
    PageRequest { limit: PageLimit::new(limit).unwrap(), after, count: true }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_product_on_sale_is_on_exactly_one_page_in_byte_order() {
    with_db(|db| async move {
        let products = shelf(&db).await;
        for key in ProductSortKey::ALL {
            for direction in DIRECTIONS {
                let mut expected = products.clone();
                match key {
                    ProductSortKey::CreatedAt => expected.sort_by_key(|p| p.created_at),
                    ProductSortKey::Name => expected.sort_by(|a, b| a.name.cmp(&b.name)),
                    ProductSortKey::Sku => expected.sort_by(|a, b| a.sku.cmp(&b.sku)),
                    ProductSortKey::Price => expected.sort_by_key(|p| p.price.amount()),
                }
                if direction == Direction::Descending {
                    expected.reverse();
                }
                let sort = ProductSort { key: *key, direction };
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let page = db.store.list_products(sort, &page(4, after)).await.unwrap();
                    assert_eq!(page.total, Some(25));
                    found.extend(page.items.into_iter().map(|view| view.id));
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(found, expected.iter().map(|p| p.id).collect::<Vec<_>>(), "{sort:?}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_of_another_type_is_an_empty_page() {
    with_db(|db| async move {
        shelf(&db).await;
        let sort = ProductSort { key: ProductSortKey::Price, direction: Direction::Ascending };
        let after = Position { key: SortValue::Text("x".to_owned()), id: samples::uuid() };
        let found = db.store.list_products(sort, &page(4, Some(after.clone()))).await.unwrap();
        assert_eq!((found.items.len(), found.next), (0, None));
        let found = db.store.list_orders(Scope::All, Direction::Ascending, &page(4, Some(after))).await.unwrap();
        assert_eq!((found.items.len(), found.next), (0, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_within_their_scope() {
    with_db(|db| async move {
        let (product, customers) = (samples::product(), [UserId::new(samples::uuid()), UserId::new(samples::uuid())]);
        let mut orders: Vec<_> = (0..18_i64)
            .zip(customers.into_iter().cycle())
            .map(|(n, customer)| samples::order(customer, &[&product], at(n / 5)))
            .collect();
        let mut tx = ordering(&db.store).await;
        for order in &orders {
            tx.orders().insert(order).await.unwrap();
        }
        tx.commit().await.unwrap();
        orders.sort_by_key(|order| (order.created_at, order.id));
        for direction in DIRECTIONS {
            for scope in [Scope::All, Scope::OwnedBy(customers[0]), Scope::OwnedBy(customers[1]), Scope::None] {
                let mut expected: Vec<_> =
                    orders.iter().filter(|order| scope.admits(order.customer_id)).map(|order| order.id).collect();
                if direction == Direction::Descending {
                    expected.reverse();
                }
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let page = db.store.list_orders(scope, direction, &page(4, after)).await.unwrap();
                    assert_eq!(page.total, Some(expected.len() as u64));
                    found.extend(page.items.into_iter().map(|view| view.id));
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(found, expected, "{scope:?} {direction:?}");
            }
        }
        let stranger = Scope::OwnedBy(customers[1]);
        let own = orders.iter().find(|order| order.customer_id == customers[0]).unwrap();
        assert_eq!(db.store.find_order(stranger, own.id).await.unwrap(), None);
        assert_eq!(db.store.find_order(Scope::None, own.id).await.unwrap(), None);
    })
    .await;
}

/// How many documents and keys the server looked at, by its own profiler.
#[tokio::test(flavor = "multi_thread")]
async fn a_deep_page_costs_what_the_first_one_costs() {
    with_db(|db| async move {
        let products = shelf(&db).await;
        db.command(doc! { "profile": 2 }).await;
        for key in ProductSortKey::ALL {
            for direction in DIRECTIONS {
                let sort = ProductSort { key: *key, direction };
                let views = products.to_vec();
                for view in &views {
                    let after = Some(sort.key.position(view));
                    let page = PageRequest { count: false, ..page(2, after) };
                    db.store.list_products(sort, &page).await.unwrap();
                }
            }
        }
        db.command(doc! { "profile": 0 }).await;
        let seen = doc! { "find": "system.profile", "filter": { "command.find": "products" }, "batchSize": 1000 };
        let seen = db.command(seen).await;
        let seen = seen.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
        assert_eq!(seen.len(), 8 * products.len());
        for entry in seen {
            let entry = entry.as_document().unwrap();
            assert!(entry.get_i32("keysExamined").unwrap() <= 5, "{entry}");
            assert!(entry.get_i32("docsExamined").unwrap() <= 4, "{entry}");
            assert!(!entry.contains_key("hasSortStage"), "{entry}");
        }
    })
    .await;
}
