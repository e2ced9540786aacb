//! Callers that are canceled.

use crate::{
    samples,
    support::{Db, catalog, until, with_db},
};
use skep_application::kernel::{OutboxEvent, OutboxQueries as _, StoreError};
use skep_domain::shared::EventId;
use skep_mongodb::MongoStore;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Asks until no open unit has stored the event. The server ends a forgotten transaction after a minute. Until then it
/// blocks every writer of the same document.
async fn settle(db: &Db, event: EventId) -> bool {
    let started = Instant::now();
    loop {
        let mut tx = catalog(&db.store).await;
        match tx.outbox().settle(event).await {
            Ok(settled) => return settled,
            Err(StoreError::Retry(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
        assert!(started.elapsed() < Duration::from_secs(20), "a transaction was left behind");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_is_canceled_anywhere_blocks_no_other_unit() {
    with_db(|db| async move {
        let unit = async |event: &OutboxEvent| {
            let mut tx = catalog(&db.store).await;
            tx.outbox().append(event).await.unwrap();
            tx.outbox().append(&samples::event()).await.unwrap();
            tx.commit().await.unwrap();
        };
        let start = Instant::now();
        unit(&samples::event()).await;
        let whole = start.elapsed();
        for n in 0..60_u32 {
            let event = samples::event();
            let done = tokio::time::timeout(whole * n / 50, unit(&event)).await.is_ok();
            assert!(settle(&db, event.id).await || !done, "a committed event is missing");
        }
    })
    .await;
}

/// The driver then does not know that the server has started a transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_unit_whose_first_statement_was_canceled_still_ends() {
    with_db(|db| async move {
        let (sent, mut options) = (Arc::new(Notify::new()), db.options.clone());
        let notify = Arc::clone(&sent);
        options.on_command = Some(Arc::new(move |name: &str| {
            if name == "insert" {
                notify.notify_one();
            }
        }));
        let store = MongoStore::connect(options, db.clock.clone()).await.unwrap();
        for _ in 0..5 {
            let (event, mut tx) = (samples::event(), catalog(&store).await);
            tokio::select! {
                biased;
                appended = tx.outbox().append(&event) => appended.unwrap(),
                () = sent.notified() => {}
            }
            assert!(tx.outbox().append(&samples::event()).await.is_err());
            assert!(tx.commit().await.is_err());
            assert!(!settle(&db, event.id).await);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_caller_was_canceled_is_completed() {
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
