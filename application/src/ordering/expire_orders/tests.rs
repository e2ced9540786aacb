use super::*;
use crate::{
    kernel::run,
    ordering::{MockOrderQueries, MockOrderingTx},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    catalog::{MovementKind, Reservation, ReservationState, StockLevel, StockMovement},
    ordering::Trigger,
    shared::ReservationId,
};

/// User 1 has ordered two of product 1, which are reserved. The time to pay is over.
fn shop() -> Shop {
    let products = vec![product(1, eur(500))];
    let mut order = order(1, user_id(1), &[(&products[0], 2)]);
    order.expires_at = Some(fixed_runtime().0.clock.now());
    let id = ReservationId::new(SeqIds::nth(80));
    let held = Reservation::new(id, order_id(1), product_id(1), 2, order.expires_at, Timestamp::MIN);
    let levels = vec![StockLevel { reserved: 5, ..level(1, 10) }];
    Shop { products, levels, reservations: vec![held], order: Some(order), ..Default::default() }
}

async fn expire(unit: MockOrderingTx) -> Result<bool, ExpireOrderError> {
    use_case(ExpireOrder, &Scripted::of([unit])).execute(&Actor::system("sweep"), order_id(1)).await
}

#[tokio::test]
async fn an_overdue_order_ends_with_its_reservations_and_one_event_is_recorded() {
    let shop = shop();
    assert!(expire(shop.open()).await.unwrap());
    let saved = shop.seen.one::<Order>("orders.save");
    assert_eq!((saved.status().name(), saved.expires_at), ("expired", None));
    assert_eq!(shop.seen.one::<StockLevel>("stock.save_many").reserved, 3);
    assert_eq!(shop.seen.one::<Reservation>("stock.end_reservations").state, ReservationState::Expired);
    let moved = shop.seen.one::<StockMovement>("stock.append_movements");
    assert_eq!((moved.kind, moved.reserved_delta), (MovementKind::Release, -2));
    let event = shop.seen.event();
    assert_eq!((event.name.as_str(), event.actor_id), ("ordering.order_expired.v1", None));
    assert_eq!(shop.seen.payload(), json!({ "order_id": order_id(1), "customer_id": user_id(1) }));
    assert_eq!(shop.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn an_order_that_has_lost_its_pieces_ends_without_a_change_of_the_stock() {
    let mut shop = shop();
    shop.reservations[0].state = ReservationState::Expired;
    assert!(expire(shop.open()).await.unwrap());
    assert!(!shop.seen.calls().contains(&"stock.save_many"));
    assert_eq!(shop.seen.event().name, "ordering.order_expired.v1");
}

#[tokio::test]
async fn an_order_that_was_paid_or_cancelled_meanwhile_or_whose_time_has_not_come_stays_as_it_is() {
    for trigger in [Trigger::PaymentCaptured, Trigger::Cancel] {
        let mut shop = shop();
        shop.order.as_mut().unwrap().apply(trigger, Timestamp::MIN).unwrap();
        assert!(!expire(shop.looking()).await.unwrap());
    }
    // The clock has gone back since the order was found.
    let mut shop = shop();
    shop.order.as_mut().unwrap().expires_at = Some(fixed_runtime().0.clock.now().plus_millis(1));
    assert!(!expire(shop.looking()).await.unwrap());
}

#[tokio::test]
async fn obeys_the_frame_of_commands() {
    obeys_the_frame(&shop(), || ExpireOrder, &admin(), || order_id(1)).await;
}

async fn sweep(overdue: Vec<OrderId>, units: Vec<MockOrderingTx>) -> Result<u64, StoreError> {
    let runtime = fixed_runtime().0;
    let now = runtime.clock.now();
    let mut orders = MockOrderQueries::new();
    orders.expect_list_overdue().withf(move |at, limit| (*at, *limit) == (now, 5)).return_once(|_, _| Ok(overdue));
    let commands = Commands::<dyn OrderingTx>::new(Scripted::of(units), fingerprints(), runtime.clone());
    let sweep = ExpireOrders::new(Arc::new(orders), &commands);
    run(&runtime, None, |attempt| sweep.batch(attempt, now, 5)).await
}

#[tokio::test]
async fn each_overdue_order_ends_in_its_own_unit_and_is_counted() {
    let mut paid = shop();
    paid.order.as_mut().unwrap().apply(Trigger::PaymentCaptured, Timestamp::MIN).unwrap();
    let (first, last) = (shop(), shop());
    let ended = sweep(vec![order_id(1); 3], vec![first.open(), paid.looking(), last.open()]).await;
    assert_eq!(ended.unwrap(), 2);
    assert_eq!((first.seen.endings().len(), last.seen.endings().len()), (1, 1));
}

#[tokio::test]
async fn an_order_that_cannot_be_ended_leaves_the_others_to_be_ended() {
    let (mut broken, last) = (shop(), shop());
    broken.levels[0].reserved = 1;
    let ended = sweep(vec![order_id(1); 2], vec![broken.open(), last.open()]).await;
    assert_eq!(code(&ended), "internal");
    assert_eq!(last.seen.event().name, "ordering.order_expired.v1");
}
