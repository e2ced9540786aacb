use super::*;
use crate::{kernel::UseCase, testing::*};
use serde_json::json;
use skep_domain::{
    catalog::{Reservation, ReservationState, StockLevel},
    shared::{ReservationId, Timestamp, Version},
};

type Units = std::sync::Arc<Scripted<dyn OrderingTx>>;

/// User 1 has ordered two of product 1.
fn shop() -> Shop {
    let products = vec![product(1, eur(500))];
    let order = order(1, user_id(1), &[(&products[0], 2)]);
    Shop { products, order: Some(order), ..Default::default() }
}

/// The same order, which expires a moment after the start of time, and its reservation in this state.
fn expiring(state: ReservationState) -> Shop {
    let end = Some(Timestamp::MIN.plus_millis(1));
    let (mut shop, id) = (shop(), ReservationId::new(SeqIds::nth(80)));
    let held = Reservation::new(id, order_id(1), product_id(1), 2, end, Timestamp::MIN);
    shop.reservations = vec![Reservation { state, ..held }];
    shop.levels = vec![StockLevel { reserved: 2, ..level(1, 10) }];
    shop.order.as_mut().unwrap().expires_at = end;
    shop
}

fn after(mut shop: Shop, trigger: Trigger) -> Shop {
    shop.order.as_mut().unwrap().apply(trigger, Timestamp::MIN).unwrap();
    shop
}

fn confirm_payment(units: &Units) -> UseCase<ConfirmPayment> {
    use_case(ConfirmPayment, units)
}

fn command() -> ConfirmPaymentCommand {
    ConfirmPaymentCommand { order_id: order_id(1), precondition: Precondition::Missing }
}

async fn confirm(units: &Units) -> Result<OrderView, ConfirmPaymentError> {
    confirm_payment(units).execute(&admin(), command()).await
}

#[tokio::test]
async fn an_order_is_paid_and_one_event_is_recorded() {
    let shop = shop();
    let view = confirm(&Scripted::of([shop.open()])).await.unwrap();
    assert_eq!((view.status.as_str(), view.version), ("paid", Version::FIRST.next()));
    let event = shop.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_version), ("ordering.order_paid.v1", view.version));
    assert_eq!(event.actor_id, admin().user_id());
    let expected = json!({
        "order_id": order_id(1), "customer_id": user_id(1), "total": eur(1_000),
        "from": "pending", "to": "paid", "refund_due": false,
    });
    assert_eq!(shop.seen.payload(), expected);
    assert_eq!(shop.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn a_paid_order_and_its_reservations_no_longer_expire() {
    let shop = expiring(ReservationState::Active);
    let view = confirm(&Scripted::of([shop.open()])).await.unwrap();
    assert_eq!((view.status.as_str(), view.expires_at), ("paid", None));
    let kept = shop.seen.one::<Reservation>("stock.keep_reservations");
    assert_eq!(kept, Reservation { expires_at: None, ..shop.reservations[0] });
    let calls = shop.seen.calls();
    let place = |name| calls.iter().position(|call| *call == name);
    assert!(place("orders.save") < place("stock.find_many"), "the order is locked before its stock, as by others");
    assert!(place("stock.find_many") < place("stock.list_reservations"), "the reservations are read under the lock");
}

#[tokio::test]
async fn an_order_that_has_lost_its_pieces_cannot_be_paid() {
    let shop = expiring(ReservationState::Expired);
    let refusal = confirm(&Scripted::of([shop.open()])).await;
    assert_eq!(code(&refusal), "reservation_expired");
    assert_eq!(shop.seen.endings(), [Ending::RolledBack]);
}

#[tokio::test]
async fn an_order_that_waits_without_a_limit_leaves_its_reservations_alone() {
    let shop = shop();
    confirm(&Scripted::of([shop.open()])).await.unwrap();
    assert!(!shop.seen.calls().iter().any(|call| call.starts_with("stock.")));
}

#[tokio::test]
async fn a_second_confirmation_changes_nothing() {
    let shop = after(shop(), Trigger::PaymentCaptured);
    let view = confirm(&Scripted::of([shop.looking()])).await.unwrap();
    assert_eq!((view.status.as_str(), view.version), ("paid", Version::FIRST));
    assert_eq!(shop.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn a_payment_of_a_cancelled_order_keeps_the_status_and_is_due_for_a_refund() {
    let shop = after(shop(), Trigger::Cancel);
    let view = confirm(&Scripted::of([shop.open()])).await.unwrap();
    assert_eq!((view.status.as_str(), view.version), ("cancelled", Version::FIRST.next()));
    let payload = shop.seen.payload();
    assert_eq!((&payload["to"], &payload["refund_due"]), (&json!("cancelled"), &json!(true)));
}

#[tokio::test]
async fn customers_do_not_confirm_payments() {
    let refusal = confirm_payment(&Scripted::untouched()).execute(&user(1), command()).await;
    assert_eq!(code(&refusal), "forbidden");
}

#[tokio::test]
async fn an_order_that_does_not_exist_is_not_found() {
    let shop = Shop { order: None, ..shop() };
    assert_eq!(code(&confirm(&Scripted::of([shop.looking()])).await), "not_found");
}

#[tokio::test]
async fn a_precondition_may_be_missing_but_not_wrong() {
    let ask = async |precondition| {
        let command = ConfirmPaymentCommand { precondition, ..command() };
        code(&confirm_payment(&Scripted::of([shop().open()])).execute(&admin(), command).await)
    };
    assert_eq!(ask(Precondition::Any).await, "ok");
    assert_eq!(ask(Precondition::version(Version::FIRST)).await, "ok");
    assert_eq!(ask(Precondition::version(Version::FIRST.next())).await, "precondition_failed");
}

#[tokio::test]
async fn a_confirmation_that_lost_against_a_cancellation_sees_the_cancelled_order() {
    let mut first = shop().looking();
    first.orders.expect_save().times(1).returning(|_| Err(StoreError::Stale));
    let later = after(shop(), Trigger::Cancel);
    let view = confirm(&Scripted::of([first, later.open()])).await.unwrap();
    assert_eq!(view.status, "cancelled");
    assert_eq!(later.seen.payload()["refund_due"], json!(true));
}

#[tokio::test]
async fn obeys_the_frame_of_commands() {
    obeys_the_frame(&shop(), || ConfirmPayment, &admin(), command).await;
}

/// Programs store these bytes with idempotency keys.
#[test]
fn the_stored_form_of_the_command_does_not_change() {
    let json = format!(r#"{{"order_id":"{}","precondition":"Missing"}}"#, order_id(1));
    assert_eq!(serde_json::to_string(&command()).unwrap(), json);
}
