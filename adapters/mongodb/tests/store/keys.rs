//! Idempotency keys and outbox events: a unit that meets an open unit fails with `Retry` and does not wait.

use crate::{
    samples,
    support::{catalog, with_db},
};
use skep_application::kernel::{Claimed, KeptAnswer, OutboxQueries as _, StoreError};

fn answer() -> KeptAnswer {
    KeptAnswer::Plain("{}".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_never_new_to_two_units_at_once() {
    with_db(|db| async move {
        let claim = samples::claim("key");
        let mut first = catalog(&db.store).await;
        assert_eq!(first.idempotency().claim(&claim).await.unwrap(), Claimed::New);
        let mut second = catalog(&db.store).await;
        assert!(matches!(second.idempotency().claim(&claim).await, Err(StoreError::Retry(_))));
        // A unit whose snapshot is older than the commit still conflicts with it.
        let mut third = catalog(&db.store).await;
        third.products().find_many(&[]).await.unwrap();
        first.idempotency().fill(&claim, &answer()).await.unwrap();
        first.commit().await.unwrap();
        assert!(matches!(third.idempotency().claim(&claim).await, Err(StoreError::Retry(_))));
        let mut fourth = catalog(&db.store).await;
        assert_eq!(fourth.idempotency().claim(&claim).await.unwrap(), Claimed::Replay(answer()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_of_a_unit_settles_whether_it_was_committed() {
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
async fn after_a_miss_no_other_unit_can_store_the_event_while_the_unit_lasts() {
    with_db(|db| async move {
        let event = samples::event();
        let mut older = catalog(&db.store).await;
        older.products().find_many(&[]).await.unwrap();
        let mut asking = catalog(&db.store).await;
        assert!(!asking.outbox().settle(event.id).await.unwrap());
        assert!(matches!(older.outbox().append(&event).await, Err(StoreError::Retry(_))));
        let mut younger = catalog(&db.store).await;
        assert!(matches!(younger.outbox().append(&event).await, Err(StoreError::Retry(_))));
        // The unit itself may store the event, and then it is there once.
        asking.outbox().append(&event).await.unwrap();
        asking.commit().await.unwrap();
        assert_eq!(db.store.list_events(None, 10).await.unwrap(), [event]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_filled_only_by_the_unit_that_claimed_it() {
    with_db(|db| async move {
        let mut tx = catalog(&db.store).await;
        assert!(matches!(tx.idempotency().fill(&samples::claim("key"), &answer()).await, Err(StoreError::Corrupt(_))));
    })
    .await;
}
