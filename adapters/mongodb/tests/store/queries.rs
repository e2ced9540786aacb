//! The server's work for lists.

use crate::{
    samples::{self, at},
    support::{Db, catalog, with_db},
};
use skep_application::{
    catalog::{ProductQueries as _, ProductSort, ProductSortKey},
    kernel::{PageRequest, Position, Total},
};
use skep_domain::{
    catalog::{Product, Sku},
    shared::{Direction, PageLimit, Text},
};

const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

/// 25 products on sale with few different names, prices and times, and an archived one.
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
    PageRequest { limit: PageLimit::new(limit).unwrap(), after, count_up_to: Some(Total::BOUND) }
}

/// Counts the documents and keys that the server read, with its profiler.
#[tokio::test(flavor = "multi_thread")]
async fn a_deep_page_costs_as_much_as_the_first_page() {
    with_db(|db| async move {
        let products = shelf(&db).await;
        let seen = db.profiled("products", async {
            for key in ProductSortKey::ALL {
                for direction in DIRECTIONS {
                    let sort = ProductSort { key: *key, direction };
                    for product in &products {
                        let page = PageRequest { count_up_to: None, ..page(2, Some(sort.key.position(product))) };
                        db.store.list_products(sort, &page).await.unwrap();
                    }
                }
            }
        });
        let seen = seen.await;
        assert_eq!(seen.len(), 8 * products.len());
        for entry in seen {
            assert!(entry.get_i32("keysExamined").unwrap() <= 5, "{entry}");
            assert!(entry.get_i32("docsExamined").unwrap() <= 4, "{entry}");
            assert!(!entry.contains_key("hasSortStage"), "{entry}");
        }
    })
    .await;
}
