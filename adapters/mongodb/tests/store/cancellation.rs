//! Callers who go away in the middle.

use crate::{
    samples,
    support::{catalog, until, with_db},
};
use skep_application::kernel::{OutboxQueries as _, StoreError};
use std::time::Duration;

/// The server ends a forgotten transaction after a minute; until then it would hold up whoever wants the same document.
#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_is_cancelled_anywhere_holds_nobody_up() {
    with_db(|db| async move {
        let reference = std::time::Instant::now();
        let mut tx = catalog(&db.store).await;
        tx.outbox().append(&samples::event()).await.unwrap();
        tx.commit().await.unwrap();
        let whole = reference.elapsed();
        for n in 0..60_u32 {
            let event = samples::event();
            let unit = async {
                let mut tx = catalog(&db.store).await;
                tx.outbox().append(&event).await.unwrap();
                tx.outbox().append(&samples::event()).await.unwrap();
                tx.commit().await.unwrap();
            };
            let done = tokio::time::timeout(whole * n / 50, unit).await.is_ok();
            let started = std::time::Instant::now();
            let settled = loop {
                let mut tx = catalog(&db.store).await;
                match tx.outbox().settle(event.id).await {
                    Ok(settled) => break settled,
                    Err(StoreError::Retry(_)) => {}
                    Err(error) => panic!("{error:?}"),
                }
                assert!(started.elapsed() < Duration::from_secs(20), "a transaction was left behind");
            };
            assert!(settled || !done, "a committed event is missing");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_whose_statement_was_cancelled_cannot_go_on() {
    with_db(|db| async move {
        let (event, mut tx) = (samples::event(), catalog(&db.store).await);
        let cancelled = tokio::time::timeout(Duration::ZERO, tx.outbox().append(&event)).await;
        assert!(cancelled.is_err());
        assert!(tx.outbox().append(&samples::event()).await.is_err());
        assert!(tx.commit().await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_caller_went_away_is_carried_out_as_a_whole() {
    with_db(|db| async move {
        let events = [samples::event(), samples::event()];
        let mut tx = catalog(&db.store).await;
        for event in &events {
            tx.outbox().append(event).await.unwrap();
        }
        assert!(tokio::time::timeout(Duration::ZERO, tx.commit()).await.is_err());
        until("the commit", || async { db.store.list_events(None, 10).await.unwrap().len() == 2 }).await;
    })
    .await;
}
