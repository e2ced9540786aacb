use super::*;
use crate::{kernel::Total, ordering::MockOrderQueries, testing::*};

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
    let page = PageRequest { count_up_to: Some(Total::BOUND), ..PageRequest::default() };
    for (actor, scope) in [(user(1), Scope::OwnedBy(user_id(1))), (admin(), Scope::All)] {
        let mut orders = MockOrderQueries::new();
        let asked = page.clone();
        orders
            .expect_list_orders()
            .times(1)
            .withf(move |s, direction, page| (*s, *direction, page) == (scope, Direction::Descending, &asked))
            .returning(|_, _, page| Ok(Page::empty(page)));
        let listed = ListOrders::new(Arc::new(orders), fixed_runtime().0.clock)
            .execute(&actor, Direction::Descending, &page)
            .await;
        assert_eq!(listed.unwrap().total, Some(Total { count: 0, is_exact: true }));
    }
}

#[tokio::test]
async fn an_actor_who_may_not_read_orders_is_refused_before_anything_is_read() {
    let orders: Arc<dyn OrderQueries> = Arc::new(MockOrderQueries::new());
    for (actor, expected) in [(visitor(), "unauthenticated"), (actor(1, &[]), "forbidden")] {
        assert_eq!(code(&GetOrder::new(orders.clone()).execute(&actor, order_id(1)).await), expected);
        let listed = ListOrders::new(orders.clone(), fixed_runtime().0.clock);
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

#[tokio::test]
async fn only_the_orders_of_all_users_are_remembered_as_a_long_list() {
    let request = PageRequest { count_up_to: Some(1), ..PageRequest::default() };
    let long = Total { count: 1, is_exact: false };
    for (actor, counts) in [(user(1), 2), (admin(), 1)] {
        let mut orders = MockOrderQueries::new();
        let page = |page: &PageRequest| Ok(Page { items: vec![], next: None, total: page.total(2) });
        orders
            .expect_list_orders()
            .times(counts)
            .withf(|_, _, page| page.count_up_to.is_some())
            .returning(move |_, _, asked| page(asked));
        orders
            .expect_list_orders()
            .times(2 - counts)
            .withf(|_, _, page| page.count_up_to.is_none())
            .returning(move |_, _, asked| page(asked));
        let list = ListOrders::new(Arc::new(orders), fixed_runtime().0.clock);
        for _ in 0..2 {
            let listed = list.execute(&actor, Direction::Descending, &request).await.unwrap();
            assert_eq!(listed.total, Some(long));
        }
    }
}
