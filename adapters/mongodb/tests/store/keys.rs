//! Idempotency keys, the mark of a unit, the keys of a deployment.

use crate::{
    samples::{self, at},
    support::{catalog, with_db},
};
use skep_application::{
    kernel::{Claimed, IdempotencyClaim, IdempotencyKey, OutboxQueries as _, StoreError},
    operations::{InstanceKeys as _, KeyPurpose, SealedKey},
};
use std::sync::Arc;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_command_gets_its_answer_and_another_does_not() {
    with_db(|db| async move {
        let claim = samples::claim("key");
        let mut tx = catalog(&db.store).await;
        assert_eq!(tx.idempotency().claim(&claim).await.unwrap(), Claimed::New);
        tx.idempotency().fill(&claim, "{\"a\":\"🐝\"}").await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = catalog(&db.store).await;
        let replay = Claimed::Replay("{\"a\":\"🐝\"}".to_owned());
        assert_eq!(tx.idempotency().claim(&claim).await.unwrap(), replay);
        let another = IdempotencyClaim { fingerprint: [8; 32], ..claim.clone() };
        assert_eq!(tx.idempotency().claim(&another).await.unwrap(), Claimed::Mismatch);
        for stranger in [
            IdempotencyClaim { principal: Uuid::from_u128(8), ..claim.clone() },
            IdempotencyClaim { use_case: "catalog.create_product", ..claim.clone() },
            IdempotencyClaim { key: IdempotencyKey::parse("KEY").unwrap(), ..claim.clone() },
        ] {
            assert_eq!(tx.idempotency().claim(&stranger).await.unwrap(), Claimed::New);
        }
        tx.rollback().await.unwrap();

        let mut tx = catalog(&db.store).await;
        let late = IdempotencyClaim { now: claim.expires_at(), fingerprint: [9; 32], ..claim.clone() };
        assert_eq!(tx.idempotency().claim(&late).await.unwrap(), Claimed::New);
        tx.idempotency().fill(&late, "new").await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = catalog(&db.store).await;
        assert_eq!(tx.idempotency().claim(&late).await.unwrap(), Claimed::Replay("new".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_never_new_to_two_units_at_once() {
    with_db(|db| async move {
        let claim = samples::claim("key");
        let mut first = catalog(&db.store).await;
        assert_eq!(first.idempotency().claim(&claim).await.unwrap(), Claimed::New);
        let mut second = catalog(&db.store).await;
        assert!(matches!(second.idempotency().claim(&claim).await, Err(StoreError::Retry(_))));
        // A unit whose snapshot is older than the commit meets it all the same.
        let mut third = catalog(&db.store).await;
        third.products().find_many(&[]).await.unwrap();
        first.idempotency().fill(&claim, "{}").await.unwrap();
        first.commit().await.unwrap();
        assert!(matches!(third.idempotency().claim(&claim).await, Err(StoreError::Retry(_))));
        let mut fourth = catalog(&db.store).await;
        assert_eq!(fourth.idempotency().claim(&claim).await.unwrap(), Claimed::Replay("{}".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_filled_only_by_who_claimed_it() {
    with_db(|db| async move {
        let mut tx = catalog(&db.store).await;
        assert!(matches!(tx.idempotency().fill(&samples::claim("key"), "{}").await, Err(StoreError::Corrupt(_))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mark_of_a_unit_settles_what_became_of_it() {
    with_db(|db| async move {
        let event = samples::event();
        let mut on_its_way = catalog(&db.store).await;
        on_its_way.outbox().append(&event).await.unwrap();
        let mut asking = catalog(&db.store).await;
        assert!(matches!(asking.outbox().settle(event.id).await, Err(StoreError::Retry(_))));
        drop(asking);
        on_its_way.commit().await.unwrap();
        let mut asking = catalog(&db.store).await;
        assert!(asking.outbox().settle(event.id).await.unwrap());
        asking.commit().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_miss_nobody_else_stores_the_event_while_the_unit_lasts() {
    with_db(|db| async move {
        let event = samples::event();
        let mut older = catalog(&db.store).await;
        older.products().find_many(&[]).await.unwrap();
        let mut asking = catalog(&db.store).await;
        assert!(!asking.outbox().settle(event.id).await.unwrap());
        assert!(matches!(older.outbox().append(&event).await, Err(StoreError::Retry(_))));
        let mut younger = catalog(&db.store).await;
        assert!(matches!(younger.outbox().append(&event).await, Err(StoreError::Retry(_))));
        // The unit itself may, and then it is there once.
        asking.outbox().append(&event).await.unwrap();
        asking.commit().await.unwrap();
        assert_eq!(db.store.list_events(None, 10).await.unwrap(), [event]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miss_leaves_no_trace() {
    with_db(|db| async move {
        let mut asking = catalog(&db.store).await;
        assert!(!asking.outbox().settle(samples::event().id).await.unwrap());
        asking.commit().await.unwrap();
        assert_eq!(db.store.list_events(None, 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_starters_one_keeps_its_key() {
    with_db(|db| async move {
        let key = |n: u32| SealedKey {
            id: format!("key-{n}"),
            purpose: KeyPurpose::AccessTokens,
            sealed: vec![0, 255, 7],
            created_at: at(i64::from(n)),
        };
        let starters: Vec<_> = (0..16)
            .map(|n| {
                let store = Arc::clone(&db.store);
                tokio::spawn(async move { (n, store.insert_first_key(&key(n)).await.unwrap()) })
            })
            .collect();
        let mut kept = vec![];
        for starter in starters {
            let (n, was_kept) = starter.await.unwrap();
            kept.extend(was_kept.then(|| key(n)));
        }
        assert_eq!(kept.len(), 1);
        assert!(!db.store.insert_first_key(&key(99)).await.unwrap());
        let other = SealedKey { id: "other".to_owned(), purpose: KeyPurpose::Cursors, ..key(100) };
        assert!(db.store.insert_first_key(&other).await.unwrap());
        assert_eq!(db.store.list_keys().await.unwrap(), [kept.remove(0), other]);

        let taken = SealedKey { purpose: KeyPurpose::Fingerprints, ..db.store.list_keys().await.unwrap().remove(0) };
        let error = db.store.insert_first_key(&taken).await.unwrap_err();
        let expected = skep_application::operations::constraints::INSTANCE_KEY_ID;
        assert!(matches!(error, StoreError::Duplicate { constraint } if constraint == expected), "{error:?}");
    })
    .await;
}
