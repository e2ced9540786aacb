use super::*;
use crate::{
    kernel::{Begin, Key, TxMode},
    ordering::{MockOrderQueries, MockOrderingTx, Overdue},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    catalog::{MovementKind, Reservation, ReservationState, StockLevel, StockMovement},
    ordering::Trigger,
    shared::{ReservationId, Timestamp},
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

/// The overdue orders 1, 2, 3 and so on. Each list goes on where the caller says, whatever has ended since.
fn listing(count: u64) -> MockOrderQueries {
    let end = fixed_runtime().0.clock.now();
    let all: Vec<_> = (1..=count).map(|n| Overdue { expires_at: end, id: order_id(n) }).collect();
    let mut orders = MockOrderQueries::new();
    orders.expect_list_overdue().withf(move |now, _, limit| (*now, *limit) == (end, 2)).returning(
        move |_, after, limit| {
            let following = all.iter().filter(|order| after.is_none_or(|after| after < **order));
            Ok(following.copied().take(limit as usize).collect())
        },
    );
    orders
}

/// A shop with the overdue order `n`.
fn shop_of(n: u64) -> Shop {
    let mut shop = shop();
    shop.order.as_mut().unwrap().id = order_id(n);
    shop.reservations[0].order_id = order_id(n);
    shop
}

/// The state of an order that another instance has ended, or that was paid, since it was listed.
fn paid_meanwhile(n: u64) -> Shop {
    let mut shop = shop_of(n);
    shop.order.as_mut().unwrap().apply(Trigger::PaymentCaptured, Timestamp::MIN).unwrap();
    shop
}

/// An order that cannot be ended: its level has fewer reserved pieces than it holds.
fn broken(n: u64) -> Shop {
    let mut shop = shop_of(n);
    shop.levels[0].reserved = 1;
    shop
}

/// Sweeps in batches of two orders. Returns the number of orders that were ended.
async fn sweep_until(
    orders: MockOrderQueries,
    store: Arc<dyn Begin<dyn OrderingTx>>,
    stopped: &(dyn Fn() -> bool + Send + Sync),
) -> (u64, Result<(), StoreError>) {
    let runtime = fixed_runtime().0;
    let sweep = ExpireOrders::new(Arc::new(orders), &Commands::new(store, fingerprints(), runtime.clone()));
    let mut round = Round::new(&runtime, 2, stopped);
    let swept = sweep.sweep_all(&mut round).await;
    (round.swept, swept)
}

async fn sweep(orders: MockOrderQueries, units: Vec<MockOrderingTx>) -> (u64, Result<(), StoreError>) {
    sweep_until(orders, Scripted::of(units), &|| false).await
}

#[tokio::test]
async fn each_overdue_order_ends_in_its_own_unit_and_is_counted() {
    let shops = [1, 2, 3, 4, 5].map(shop_of);
    let (ended, swept) = sweep(listing(5), shops.iter().map(World::open).collect()).await;
    assert_eq!((ended, swept.is_ok()), (5, true));
    assert!(shops.iter().all(|shop| shop.seen.endings() == [Ending::Committed]));
}

#[tokio::test]
async fn orders_that_were_paid_or_ended_by_another_instance_meanwhile_do_not_end_the_sweep() {
    let last = [shop_of(4), shop_of(5)];
    let mut units = vec![paid_meanwhile(1).looking(), shop_of(2).open(), paid_meanwhile(3).looking()];
    units.extend(last.iter().map(World::open));
    let (ended, swept) = sweep(listing(5), units).await;
    assert_eq!((ended, swept.is_ok()), (3, true));
    assert!(last.iter().all(|shop| shop.seen.event().name == "ordering.order_expired.v1"));
}

#[tokio::test]
async fn orders_that_cannot_be_ended_leave_the_others_to_be_ended_and_counted() {
    let mut units: Vec<_> = [1, 2, 3].map(|n| broken(n).open()).into();
    let last = [shop_of(4), shop_of(5)];
    units.extend(last.iter().map(World::open));
    let (ended, swept) = sweep(listing(5), units).await;
    assert_eq!((ended, code(&swept)), (2, "internal"));
    assert!(last.iter().all(|shop| shop.seen.event().name == "ordering.order_expired.v1"));
}

#[tokio::test]
async fn orders_that_were_ended_are_counted_also_if_the_next_ones_cannot_be_listed() {
    let mut orders = MockOrderQueries::new();
    let first = [1, 2].map(|n| Overdue { expires_at: Timestamp::MIN, id: order_id(n) });
    orders.expect_list_overdue().times(1).return_once(move |_, _, _| Ok(first.into()));
    orders.expect_list_overdue().times(1).return_once(|_, _, _| Err(away()));
    let (ended, swept) = sweep(orders, [1, 2].map(|n| shop_of(n).open()).into()).await;
    assert_eq!((ended, code(&swept)), (2, "store_unavailable"));
}

#[tokio::test]
async fn a_store_that_does_not_work_ends_the_sweep_at_once() {
    let store = Scripted::then_away([shop_of(1).open()]);
    let (ended, swept) = sweep_until(listing(5), store.clone(), &|| false).await;
    assert_eq!((ended, code(&swept), store.begun().len()), (1, "store_unavailable", 2));
    let store = Scripted::of([shop_of(1).open().with_commit_error(StoreError::Full("no space".into()))]);
    let (ended, swept) = sweep_until(listing(5), store, &|| false).await;
    assert_eq!((ended, code(&swept)), (0, "storage_full"));
}

/// A store in which another unit never lets go of order 1.
struct Locked(Shop);

#[async_trait]
impl Begin<dyn OrderingTx> for Locked {
    async fn begin(&self, _: TxMode, contended: &[Key]) -> Result<Box<dyn OrderingTx>, StoreError> {
        if contended.contains(&Key(order_id(1).uuid())) { Err(aborted()) } else { Ok(Box::new(self.0.open())) }
    }
}

#[tokio::test]
async fn an_order_that_is_locked_for_long_leaves_the_others_to_be_ended() {
    let locked = Locked(shop_of(2));
    let seen = locked.0.seen.clone();
    let (ended, swept) = sweep_until(listing(2), Arc::new(locked), &|| false).await;
    assert_eq!((ended, code(&swept)), (1, "store_unavailable"));
    assert_eq!(seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn no_order_is_begun_after_a_stop() {
    let first = shop_of(1);
    let unit = first.open();
    let stopped = move || !first.seen.endings().is_empty();
    let (ended, swept) = sweep_until(listing(5), Scripted::of([unit]), &stopped).await;
    assert_eq!((ended, swept.is_ok()), (1, true));
}
