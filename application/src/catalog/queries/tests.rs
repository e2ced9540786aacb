use super::*;
use crate::{
    catalog::{MockProductQueries, MockStockQueries},
    kernel::Total,
    testing::*,
};
use skep_domain::shared::{Direction, Timestamp};

fn get_product(archived: bool) -> GetProduct {
    let mut product = product(1, eur(500));
    if archived {
        product.archive(Timestamp::MIN);
    }
    let mut queries = MockProductQueries::new();
    queries.expect_find_product().returning(move |id| Ok(Some(product.clone()).filter(|p| p.id == id)));
    GetProduct::new(Arc::new(queries))
}

fn get_stock(on_sale: bool) -> GetStock {
    let mut queries = MockStockQueries::new();
    let view = StockView::of(&level(1, 10), 0, on_sale);
    let clock = fixed_runtime().0.clock;
    let now = clock.now();
    queries.expect_find_stock().returning(move |id, at| {
        assert_eq!(at, now);
        Ok(Some(view).filter(|view| view.product_id == id))
    });
    GetStock::new(Arc::new(queries), clock)
}

#[tokio::test]
async fn visitors_and_users_see_a_product_on_sale() {
    for actor in [visitor(), user(1), admin()] {
        assert_eq!(get_product(false).execute(&actor, product_id(1)).await.unwrap().id, product_id(1));
        assert_eq!(code(&get_product(false).execute(&actor, product_id(2)).await), "not_found");
    }
}

#[tokio::test]
async fn only_an_admin_sees_an_archived_product_and_its_stock() {
    for actor in [visitor(), user(1)] {
        assert_eq!(code(&get_product(true).execute(&actor, product_id(1)).await), "not_found");
        assert_eq!(code(&get_stock(false).execute(&actor, product_id(1)).await), "not_found");
    }
    assert_eq!(code(&get_product(true).execute(&admin(), product_id(1)).await), "ok");
    assert_eq!(code(&get_stock(false).execute(&admin(), product_id(1)).await), "ok");
}

#[tokio::test]
async fn only_an_admin_sees_more_of_the_stock_than_the_available_pieces() {
    for actor in [visitor(), user(1)] {
        let stock = get_stock(true).execute(&actor, product_id(1)).await.unwrap();
        assert!(matches!(stock, StockDetail::Availability(view) if view.available == 10));
    }
    assert!(matches!(get_stock(true).execute(&admin(), product_id(1)).await.unwrap(), StockDetail::Full(_)));
    assert_eq!(code(&get_stock(true).execute(&admin(), product_id(2)).await), "not_found");
}

#[tokio::test]
async fn an_actor_without_roles_is_refused_before_anything_is_read() {
    let (powerless, clock) = (actor(1, &[]), fixed_runtime().0.clock);
    let products: Arc<dyn ProductQueries> = Arc::new(MockProductQueries::new());
    let sort = ProductSort { key: crate::catalog::ProductSortKey::Name, direction: Direction::Ascending };
    assert_eq!(code(&GetProduct::new(products.clone()).execute(&powerless, product_id(1)).await), "forbidden");
    let listed = ListProducts::new(products, clock.clone()).execute(&powerless, sort, &PageRequest::default()).await;
    assert_eq!(code(&listed), "forbidden");
    let stock = GetStock::new(Arc::new(MockStockQueries::new()), clock);
    assert_eq!(code(&stock.execute(&powerless, product_id(1)).await), "forbidden");
}

#[tokio::test]
async fn a_store_that_is_away_is_reported_as_unavailable() {
    let mut queries = MockProductQueries::new();
    queries.expect_find_product().returning(|_| Err(away()));
    queries.expect_list_products().returning(|_, _| Err(away()));
    let products: Arc<dyn ProductQueries> = Arc::new(queries);
    let found = GetProduct::new(products.clone()).execute(&visitor(), product_id(1)).await;
    assert_eq!(code(&found), "store_unavailable");
    let sort = ProductSort { key: crate::catalog::ProductSortKey::CreatedAt, direction: Direction::Descending };
    let listed =
        ListProducts::new(products, fixed_runtime().0.clock).execute(&visitor(), sort, &PageRequest::default()).await;
    assert_eq!(code(&listed), "store_unavailable");
}

#[tokio::test]
async fn a_long_list_of_products_is_counted_once_in_a_while() {
    let mut queries = MockProductQueries::new();
    let page = |page: &PageRequest| Ok(Page { items: vec![], next: None, total: page.total(2) });
    queries
        .expect_list_products()
        .times(1)
        .withf(|_, page| page.count_up_to.is_some())
        .returning(move |_, asked| page(asked));
    queries
        .expect_list_products()
        .times(1)
        .withf(|_, page| page.count_up_to.is_none())
        .returning(move |_, asked| page(asked));
    let list = ListProducts::new(Arc::new(queries), fixed_runtime().0.clock);
    let sort = ProductSort { key: crate::catalog::ProductSortKey::Name, direction: Direction::Ascending };
    let request = PageRequest { count_up_to: Some(1), ..PageRequest::default() };
    for _ in 0..2 {
        let listed = list.execute(&visitor(), sort, &request).await.unwrap();
        assert_eq!(listed.total, Some(Total { count: 1, is_exact: false }));
    }
}
