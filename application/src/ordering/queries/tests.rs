use super::*;
use crate::{ordering::MockOrderQueries, testing::*};

#[tokio::test]
async fn an_order_is_looked_up_in_the_scope_of_the_actor() {
    for (actor, scope) in [(user(1), Scope::OwnedBy(user_id(1))), (admin(), Scope::All)] {
        let mut orders = MockOrderQueries::new();
        orders
            .expect_find_order()
            .times(1)
            .withf(move |s, id| (*s, *id) == (scope, order_id(1)))
            .returning(|_, _| Ok(None));
        assert_eq!(code(&GetOrder::new(Arc::new(orders)).execute(&actor, order_id(1)).await), "not_found");
    }
}

#[tokio::test]
async fn orders_are_listed_in_the_scope_of_the_actor() {
    let page = PageRequest { count: true, ..PageRequest::default() };
    for (actor, scope) in [(user(1), Scope::OwnedBy(user_id(1))), (admin(), Scope::All)] {
        let mut orders = MockOrderQueries::new();
        let asked = page.clone();
        orders
            .expect_list_orders()
            .times(1)
            .withf(move |s, direction, page| (*s, *direction, page) == (scope, Direction::Descending, &asked))
            .returning(|_, _, page| Ok(Page::empty(page)));
        let listed = ListOrders::new(Arc::new(orders)).execute(&actor, Direction::Descending, &page).await;
        assert_eq!(listed.unwrap().total, Some(0));
    }
}

#[tokio::test]
async fn an_actor_who_may_not_read_orders_is_refused_before_anything_is_read() {
    let orders: Arc<dyn OrderQueries> = Arc::new(MockOrderQueries::new());
    for (actor, expected) in [(visitor(), "unauthenticated"), (actor(1, &[]), "forbidden")] {
        assert_eq!(code(&GetOrder::new(orders.clone()).execute(&actor, order_id(1)).await), expected);
        let listed = ListOrders::new(orders.clone());
        let listed = listed.execute(&actor, Direction::Ascending, &PageRequest::default()).await;
        assert_eq!(code(&listed), expected);
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_not_reported_as_a_missing_order() {
    let mut orders = MockOrderQueries::new();
    orders.expect_find_order().times(1).returning(|_, _| Err(away()));
    assert_eq!(code(&GetOrder::new(Arc::new(orders)).execute(&user(1), order_id(1)).await), "store_unavailable");
}
