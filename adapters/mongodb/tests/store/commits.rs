//! Failing commits, caused by the server's fail points.

use crate::{
    samples,
    support::{Db, OwnServer, catalog},
};
use bson::doc;
use skep_application::{
    kernel::{OutboxEvent, OutboxQueries as _, StoreError},
    operations::StoreHealth as _,
};

/// Stores an event in a separate unit.
async fn store_event(db: &Db, event: &OutboxEvent) -> Result<(), StoreError> {
    let mut tx = catalog(&db.store).await;
    tx.outbox().append(event).await?;
    tx.commit().await
}

async fn was_stored(db: &Db, event: &OutboxEvent) -> bool {
    let mut tx = catalog(&db.store).await;
    let settled = tx.outbox().settle(event.id).await.unwrap();
    tx.commit().await.unwrap();
    settled
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_with_a_lost_answer_is_repeated() {
    let Some((_server, db)) = OwnServer::replica_set().await else { return };
    // The driver hides one lost answer, and this store hides two.
    for times in [1, 2, 3] {
        let event = samples::event();
        db.fail(&["commitTransaction"], doc! { "times": times }, doc! { "closeConnection": true }).await;
        store_event(&db, &event).await.unwrap();
        db.mend().await;
        assert!(was_stored(&db, &event).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrives_is_unknown_and_blocks_no_other_unit() {
    let Some((_server, db)) = OwnServer::replica_set().await else { return };
    let event = samples::event();
    db.fail(&["commitTransaction"], "alwaysOn", doc! { "closeConnection": true }).await;
    let error = store_event(&db, &event).await.unwrap_err();
    assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{error:?}");
    db.mend().await;
    // The transaction was ended, so the query returns at once and the event can be stored after all.
    assert!(!was_stored(&db, &event).await);
    store_event(&db, &event).await.unwrap();
    assert_eq!(db.store.list_events(None, 10).await.unwrap(), [event]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_carried_out_without_an_answer_is_unknown_and_stored() {
    let Some((_server, db)) = OwnServer::replica_set().await else { return };
    // The confirmation timed out, or there are too few members for one.
    for code in [64, 100] {
        let event = samples::event();
        let unconfirmed = doc! { "writeConcernError": { "code": code, "errmsg": "not confirmed" } };
        db.fail(&["commitTransaction"], "alwaysOn", unconfirmed).await;
        let error = store_event(&db, &event).await.unwrap_err();
        assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{code}: {error:?}");
        db.mend().await;
        assert!(was_stored(&db, &event).await, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_the_server_aborts_may_be_repeated() {
    let Some((_server, db)) = OwnServer::replica_set().await else { return };
    let event = samples::event();
    let aborted = doc! { "errorCode": 112, "errorLabels": ["TransientTransactionError"] };
    db.fail(&["commitTransaction"], doc! { "times": 1 }, aborted).await;
    let error = store_event(&db, &event).await.unwrap_err();
    assert!(matches!(error, StoreError::Retry(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_statements_are_classified() {
    let Some((_server, db)) = OwnServer::replica_set().await else { return };
    type Check = fn(&StoreError) -> bool;
    let retry: Check = |error| matches!(error, StoreError::Retry(_));
    let cases: [(_, Check); 5] = [
        (doc! { "errorCode": 112, "errorLabels": ["TransientTransactionError"] }, retry),
        (doc! { "errorCode": 10107 }, retry),
        (doc! { "closeConnection": true }, retry),
        (doc! { "errorCode": 14031 }, |error| matches!(error, StoreError::Full(_))),
        (doc! { "errorCode": 13 }, |error| matches!(error, StoreError::Unavailable(_))),
    ];
    for (how, is_expected) in cases {
        let (event, mut tx) = (samples::event(), catalog(&db.store).await);
        tx.products().find_many(&[]).await.unwrap();
        db.fail(&["insert"], doc! { "times": 1 }, how.clone()).await;
        let error = tx.outbox().append(&event).await.unwrap_err();
        assert!(is_expected(&error), "{how}: {error:?}");
        assert!(tx.commit().await.is_err(), "{how}");
        db.mend().await;
        assert!(!was_stored(&db, &event).await, "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_makes_the_store_unavailable() {
    let Some((mut server, db)) = OwnServer::replica_set().await else { return };
    db.store.check().await.unwrap();
    server.kill();
    let error = db.store.check().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let mut tx = catalog(&db.store).await;
    let error = tx.products().find_many(&[]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let error = db.store.list_events(None, 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_before_the_commit_leaves_the_outcome_unknown() {
    let Some((mut server, db)) = OwnServer::replica_set().await else { return };
    let mut tx = catalog(&db.store).await;
    tx.outbox().append(&samples::event()).await.unwrap();
    server.kill();
    let error = tx.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{error:?}");
}
