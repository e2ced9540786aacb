//! The unit of work: how it remembers errors, and how the repositories interpret results.

use super::queries::{order, order_row};
use crate::{
    Value,
    testing::{Answer, Fake, at},
};
use skep_application::{
    catalog::CatalogTx,
    kernel::{Begin, Claimed, IdempotencyClaim, IdempotencyKey, KeptAnswer, OutboxEvent, StoreError, TxMode},
    ordering::OrderingTx,
};
use skep_domain::{
    catalog::{Reservation, StockLevel},
    shared::{EventId, OrderId, ProductId, ReservationId, UserId, Version},
};
use std::{future::Future as _, pin::pin, task::Poll};
use uuid::Uuid;

async fn unit(fake: &Fake, mode: TxMode) -> Box<dyn OrderingTx> {
    fake.store().begin(mode, &[]).await.unwrap()
}

fn product() -> ProductId {
    ProductId::new(Uuid::from_u128(1))
}
fn event() -> EventId {
    EventId::new(Uuid::from_u128(2))
}
fn level() -> StockLevel {
    StockLevel::empty(product(), at(0))
}
fn claim() -> IdempotencyClaim {
    IdempotencyClaim {
        principal: Uuid::nil(),
        use_case: "test.do",
        key: IdempotencyKey::parse("key").unwrap(),
        fingerprint: [7; 32],
        now: at(0),
    }
}
fn kept() -> KeptAnswer {
    KeptAnswer::Plain("{}".to_owned())
}
fn is_after_error(error: StoreError) -> bool {
    matches!(error, StoreError::Unavailable(source) if source.to_string() == "the unit of work has failed before")
}

#[tokio::test]
async fn after_a_driver_error_only_a_rollback_is_accepted() {
    let duplicate = || {
        Answer::Fails(StoreError::Duplicate { constraint: skep_application::catalog::constraints::STOCK_LEVEL_PRODUCT })
    };
    let fake = Fake::answering([duplicate(), duplicate()]);
    let mut tx = unit(&fake, TxMode::Write).await;
    assert!(matches!(tx.stock().insert(&level()).await, Err(StoreError::Duplicate { .. })));
    assert!(tx.products().find(product()).await.is_err_and(is_after_error));
    assert!(tx.stock().append_movements(&[]).await.is_err_and(is_after_error));
    assert!(tx.commit().await.is_err_and(is_after_error));
    assert_eq!(fake.log(), ["catalog.stock_level.insert"]);

    let mut tx = unit(&fake, TxMode::Write).await;
    tx.stock().insert(&level()).await.unwrap_err();
    tx.rollback().await.unwrap();
    assert_eq!(fake.log(), ["catalog.stock_level.insert", "rollback"]);
}

#[tokio::test]
async fn a_stale_version_fails_the_unit() {
    let fake = Fake::answering([Answer::Changed(1)]);
    let mut tx = unit(&fake, TxMode::Write).await;
    let other = StockLevel::empty(ProductId::new(Uuid::from_u128(9)), at(0));
    assert!(matches!(tx.stock().save_many(&[level(), other]).await, Err(StoreError::Stale)));
    assert!(tx.commit().await.is_err_and(is_after_error));
}

#[tokio::test]
async fn a_reservation_that_ended_meanwhile_is_stale() {
    let fake = Fake::answering([Answer::Changed(0)]);
    let mut tx = unit(&fake, TxMode::Write).await;
    let order = OrderId::new(Uuid::from_u128(3));
    let reservation = Reservation::new(ReservationId::new(Uuid::from_u128(4)), order, product(), 1, None, at(0));
    assert!(matches!(tx.stock().end_reservations(&[reservation]).await, Err(StoreError::Stale)));
}

#[tokio::test]
async fn an_unreadable_row_is_named_and_fails_the_unit() {
    let row = |reserved: i64, version: i64| {
        let row: [Value; 5] = [product().into(), 1_i64.into(), reserved.into(), at(0).into(), version.into()];
        Answer::Rows(vec![row.into()])
    };
    for (answer, column) in [(row(2, 1), "reserved"), (row(-1, 1), "reserved"), (row(0, 0), "version")] {
        let fake = Fake::answering([answer]);
        let mut tx = unit(&fake, TxMode::Write).await;
        let StoreError::Corrupt(source) = tx.stock().find_many(&[product()]).await.unwrap_err() else {
            panic!("not corrupt")
        };
        assert_eq!(source.to_string(), format!("stock_levels {}: {column} cannot be read", product()));
        assert!(tx.commit().await.is_err_and(is_after_error));
    }
}

#[tokio::test]
async fn a_canceled_call_fails_the_unit() {
    let fake = Fake::answering([Answer::Hangs]);
    let mut tx = unit(&fake, TxMode::Write).await;
    {
        let mut call = pin!(tx.products().find(product()));
        std::future::poll_fn(|context| {
            assert!(call.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    assert!(tx.products().find(product()).await.is_err_and(is_after_error));
    assert!(tx.commit().await.is_err_and(is_after_error));
}

#[tokio::test]
async fn stock_levels_are_locked_only_in_a_writing_unit() {
    let fake = Fake::default();
    for (mode, statement) in [(TxMode::Read, "catalog.stock_level.list"), (TxMode::Write, "catalog.stock_level.lock")] {
        let mut tx: Box<dyn CatalogTx> = fake.store().begin(mode, &[]).await.unwrap();
        assert_eq!(tx.stock().find_many(&[product()]).await.unwrap(), []);
        assert_eq!(fake.log(), [statement]);
    }
}

#[tokio::test]
async fn a_claim_is_new_replayed_mismatched_or_swept() {
    let row = |fingerprint: u8, answer: Option<&str>| {
        Answer::Rows(vec![vec![vec![fingerprint; 32].into(), answer.map(str::to_owned).into(), Value::Null]])
    };
    let claimed = |answers: Vec<Answer>| async move {
        let fake = Fake::answering(answers);
        let mut tx = unit(&fake, TxMode::Write).await;
        let claimed = tx.idempotency().claim(&claim()).await;
        (claimed, tx.commit().await.is_ok())
    };
    let taken = || Answer::Changed(0);
    assert!(matches!(claimed(vec![Answer::Changed(1)]).await, (Ok(Claimed::New), true)));
    let replay = claimed(vec![taken(), row(7, Some("{}"))]).await;
    assert!(matches!(replay, (Ok(Claimed::Replay(answer)), true) if answer == kept()));
    assert!(matches!(claimed(vec![taken(), row(8, Some("{}"))]).await, (Ok(Claimed::Mismatch), true)));
    assert!(matches!(claimed(vec![taken(), row(7, None)]).await, (Err(StoreError::Corrupt(_)), false)));
    assert!(matches!(claimed(vec![taken(), Answer::Rows(vec![])]).await, (Err(StoreError::Retry(_)), false)));
}

#[tokio::test]
async fn filling_an_unclaimed_key_is_corrupt() {
    let fake = Fake::answering([Answer::Changed(0)]);
    let mut tx = unit(&fake, TxMode::Write).await;
    assert!(matches!(tx.idempotency().fill(&claim(), &kept()).await, Err(StoreError::Corrupt(_))));
    assert!(tx.commit().await.is_err());
}

#[tokio::test]
async fn settling_leaves_no_placeholder() {
    let fake = Fake::answering([Answer::Changed(0), Answer::Changed(1), Answer::Changed(1)]);
    let mut tx = unit(&fake, TxMode::Write).await;
    assert!(tx.outbox().settle(event()).await.unwrap());
    assert_eq!(fake.log(), ["kernel.outbox_event.hold"]);
    assert!(!tx.outbox().settle(event()).await.unwrap());
    assert_eq!(fake.log(), ["kernel.outbox_event.hold", "kernel.outbox_event.delete"]);
}

#[tokio::test]
async fn lines_in_another_currency_are_refused_before_anything_is_written() {
    let fake = Fake::default();
    let mut tx = unit(&fake, TxMode::Write).await;
    let mut order = order(2);
    order.lines[1].total = skep_domain::shared::Money::new(1, "USD".parse().unwrap());
    assert!(matches!(tx.orders().insert(&order).await, Err(StoreError::Corrupt(_))));
    assert!(fake.log().is_empty());
    assert!(tx.commit().await.is_err_and(is_after_error));
}

#[tokio::test]
async fn an_order_without_lines_is_corrupt() {
    let fake = Fake::answering([Answer::Rows(vec![order_row(&order(1))])]);
    let mut tx = unit(&fake, TxMode::Write).await;
    assert!(matches!(tx.orders().find(order(1).id).await, Err(StoreError::Corrupt(_))));
}

/// A hundred lines need as many statements as one line.
#[tokio::test]
async fn placing_an_order_takes_ten_statements_however_many_lines_it_has() {
    for lines in [1, 3, 100] {
        let fake = Fake::default();
        let mut tx = unit(&fake, TxMode::Write).await;
        let order = order(lines);
        let products: Vec<_> = order.lines.iter().map(|line| line.product_id).collect();
        let mut levels: Vec<_> = products.iter().map(|id| StockLevel::empty(*id, at(0))).collect();
        levels.iter_mut().for_each(|level| level.on_hand = 9);
        let id = |n: usize| Uuid::from_u128(n as u128);
        let movements: Vec<_> = levels
            .iter_mut()
            .enumerate()
            .map(|(n, level)| level.reserve(skep_domain::shared::MovementId::new(id(n)), order.id, 1, at(1)).unwrap())
            .collect();
        let reservations: Vec<_> = products
            .iter()
            .enumerate()
            .map(|(n, product)| Reservation::new(ReservationId::new(id(n)), order.id, *product, 1, None, at(1)))
            .collect();
        let placed = OutboxEvent {
            id: event(),
            name: "ordering.order_placed.v1".to_owned(),
            aggregate_id: order.id.uuid(),
            aggregate_version: Version::FIRST,
            actor_id: Some(UserId::new(Uuid::nil())),
            impersonator_id: None,
            request_id: "request".to_owned(),
            traceparent: None,
            occurred_at: at(1),
            payload: "{}".to_owned(),
        };

        assert_eq!(tx.idempotency().claim(&claim()).await.unwrap(), Claimed::New);
        tx.products().find_many(&products).await.unwrap();
        tx.stock().find_many(&products).await.unwrap();
        tx.stock().save_many(&levels).await.unwrap();
        tx.stock().append_movements(&movements).await.unwrap();
        tx.stock().insert_reservations(&reservations).await.unwrap();
        tx.orders().insert(&order).await.unwrap();
        tx.outbox().append(&placed).await.unwrap();
        tx.idempotency().fill(&claim(), &kept()).await.unwrap();
        tx.commit().await.unwrap();
        let log = fake.log();
        assert_eq!(log.last().unwrap(), "commit");
        assert_eq!(log.len() - 1, 10, "{log:?}");
    }
}
