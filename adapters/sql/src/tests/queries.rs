//! The statements that the queries choose, and their number.

use crate::{
    Value,
    testing::{Answer, Fake, at},
};
use skep_application::{
    Store,
    catalog::{ProductQueries, ProductSort, ProductSortKey},
    identity::UserQueries,
    kernel::{PageRequest, Position, Scope, SortValue, StoreError, Total},
    operations::{InstanceKeys, KeyPurpose, KeyState, SealedKey},
    ordering::{LINES_PER_PAGE, OrderQueries, OrderView},
};
use skep_domain::{
    catalog::Sku,
    ordering::{Order, OrderLine, OrderNumber},
    shared::{Direction, Money, OrderId, PageLimit, ProductId, Text, UserId},
};
use uuid::Uuid;

/// An order with this many lines.
pub(super) fn order(lines: u32) -> Order {
    let price = Money::new(5, "EUR".parse().unwrap());
    let line = |n: u32| OrderLine {
        product_id: ProductId::new(Uuid::from_u128(n.into())),
        sku: Sku::stored(format!("sku-{n}")),
        name: Text::stored("Honey".to_owned()),
        quantity: 1,
        unit_price: price,
        total: price,
    };
    let (id, customer) = (OrderId::new(Uuid::from_u128(77)), UserId::new(Uuid::from_u128(78)));
    Order::place(id, OrderNumber::from_random(1), customer, (1..=lines).map(line).collect(), at(5)).unwrap()
}

/// An order as a stored row.
pub(super) fn order_row(order: &Order) -> Vec<Value> {
    vec![
        order.id.into(),
        order.number.as_str().into(),
        order.customer_id.into(),
        order.progress.order.name().into(),
        order.progress.payment.name().into(),
        order.progress.fulfilment.name().into(),
        order.total.amount().into(),
        order.total.currency().code().into(),
        order.created_at.into(),
        order.updated_at.into(),
        order.expires_at.into(),
        order.version.into(),
        i64::try_from(order.lines.len()).unwrap().into(),
    ]
}

fn line_rows(order: &Order) -> Vec<Vec<Value>> {
    let row = |(line, position): (&OrderLine, i64)| {
        vec![
            order.id.into(),
            line.product_id.into(),
            position.into(),
            line.sku.as_str().into(),
            line.name.as_str().into(),
            line.quantity.into(),
            line.unit_price.amount().into(),
            line.total.amount().into(),
        ]
    };
    order.lines.iter().zip(1..).map(row).collect()
}

fn request(limit: i64, after: Option<SortValue>, count_up_to: Option<u32>) -> PageRequest {
    let after = after.map(|key| Position { key, id: Uuid::nil() });
    PageRequest { limit: PageLimit::new(limit).unwrap(), after, count_up_to }
}

#[test]
fn the_sql_store_implements_every_port() {
    fn is_store(_: &dyn Store) {}
    is_store(&Fake::default().store());
}

#[tokio::test]
async fn a_page_of_orders_takes_two_statements_and_a_third_to_count() {
    let (mut first, second) = (order(2), order(3));
    first.id = OrderId::new(Uuid::from_u128(76));
    let fake = Fake::answering([
        Answer::Rows(vec![order_row(&first), order_row(&second)]),
        Answer::Rows(line_rows(&first)),
        Answer::Rows(vec![vec![Value::Int(9)]]),
    ]);
    let owner = Scope::OwnedBy(first.customer_id);
    let page = fake.store().list_orders(owner, Direction::Ascending, &request(1, None, Some(8))).await.unwrap();
    assert_eq!(
        fake.log(),
        ["ordering.order.list_owned_up_first", "ordering.order_line.list", "ordering.order.count_owned"]
    );
    assert_eq!(
        (page.items.len(), page.items[0].lines.len(), page.total),
        (1, 2, Some(Total { count: 8, is_exact: false }))
    );
    assert_eq!(page.next, Some(Position { key: SortValue::Time(at(5)), id: first.id.uuid() }));
}

/// The lines of orders that were cut from the page are not read.
#[tokio::test]
async fn a_page_is_cut_before_its_lines_are_read() {
    let (mut first, second) = (order(LINES_PER_PAGE.try_into().unwrap()), order(1));
    first.id = OrderId::new(Uuid::from_u128(76));
    let fake =
        Fake::answering([Answer::Rows(vec![order_row(&first), order_row(&second)]), Answer::Rows(line_rows(&first))]);
    let page = fake.store().list_orders(Scope::All, Direction::Ascending, &request(20, None, None)).await.unwrap();
    assert_eq!(page.items, [OrderView::from(&first)]);
    assert_eq!(page.next, Some(Position { key: SortValue::Time(at(5)), id: first.id.uuid() }));
}

#[tokio::test]
async fn an_order_with_missing_lines_is_corrupt() {
    let order = order(3);
    let fake = Fake::answering([Answer::Rows(vec![order_row(&order)]), Answer::Rows(line_rows(&order)[..2].to_vec())]);
    let found = fake.store().find_order(Scope::All, order.id).await;
    assert!(matches!(found, Err(StoreError::Corrupt(_))), "{found:?}");
}

#[tokio::test]
async fn a_page_without_orders_takes_one_statement() {
    let fake = Fake::default();
    let after = request(20, Some(SortValue::Time(at(1))), None);
    let page = fake.store().list_orders(Scope::All, Direction::Descending, &after).await.unwrap();
    assert_eq!(fake.log(), ["ordering.order.list_down_next"]);
    assert_eq!((page.items, page.next, page.total), (vec![], None, None));
}

#[tokio::test]
async fn rows_out_of_scope_are_not_read() {
    let fake = Fake::default();
    let (store, order) = (fake.store(), order(1));
    let page = store.list_orders(Scope::None, Direction::Ascending, &request(20, None, Some(8))).await.unwrap();
    assert_eq!((page.items, page.total), (vec![], Some(Total { count: 0, is_exact: true })));
    assert_eq!(store.find_order(Scope::None, order.id).await.unwrap(), None);
    let other = Scope::OwnedBy(UserId::new(Uuid::nil()));
    assert_eq!(store.find_user(other, order.customer_id).await.unwrap(), None);
    assert!(fake.log().is_empty());
    assert_eq!(store.find_order(other, order.id).await.unwrap(), None);
    assert_eq!(fake.log(), ["ordering.order.find_owned"]);
}

#[tokio::test]
async fn every_sort_of_products_has_its_own_statement() {
    let fake = Fake::default();
    for key in ProductSortKey::ALL {
        for (direction, way) in [(Direction::Ascending, "up"), (Direction::Descending, "down")] {
            let sort = ProductSort { key: *key, direction };
            fake.store().list_products(sort, &request(20, None, None)).await.unwrap();
            assert_eq!(fake.log(), [format!("catalog.product.list_by_{}_{way}_first", key.name())]);
        }
    }
}

#[tokio::test]
async fn a_position_of_another_sort_is_an_empty_page() {
    let fake = Fake::default();
    let sort = ProductSort { key: ProductSortKey::Name, direction: Direction::Ascending };
    let page = fake.store().list_products(sort, &request(20, Some(SortValue::Int(1)), None)).await.unwrap();
    assert_eq!((page.items, page.next), (vec![], None));
    assert!(fake.log().is_empty());
}

#[tokio::test]
async fn the_second_key_of_a_purpose_is_not_kept() {
    let (purpose, state) = (KeyPurpose::Cursors, KeyState::Active);
    let key = SealedKey { id: "k1".to_owned(), purpose, state, sealed: vec![1], created_at: at(0) };
    for (changed, kept, end) in [(1, true, "commit"), (0, false, "rollback")] {
        let fake = Fake::answering([Answer::Changed(changed)]);
        assert_eq!(fake.store().insert_key(&key).await.unwrap(), kept);
        assert_eq!(fake.log(), ["operations.instance_key.insert", end]);
    }
}

#[tokio::test]
async fn a_key_is_activated_together_with_the_retirement_or_not_at_all() {
    const RETIRE: &str = "operations.instance_key.retire";
    const ACTIVATE: &str = "operations.instance_key.activate";
    let cases: [(&[u64], bool, &[&str]); 3] = [
        (&[1, 1], true, &[RETIRE, ACTIVATE, "commit"]),
        (&[1, 0], false, &[RETIRE, ACTIVATE, "rollback"]),
        (&[0], false, &[RETIRE, "rollback"]),
    ];
    for (changed, activated, log) in cases {
        let fake = Fake::answering(changed.iter().map(|rows| Answer::Changed(*rows)));
        assert_eq!(fake.store().activate_key("k2", at(1)).await.unwrap(), activated);
        assert_eq!(fake.log(), log);
    }
}
