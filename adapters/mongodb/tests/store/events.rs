//! The server's work for the log of events and its subscribers, and the positions of events of older programs.

use crate::{
    samples::{at, event, uuid},
    support::{Db, events, with_db},
};
use skep_application::{
    events::{DeliveryQueries as _, EARLIEST, EventQueries as _, LogEnds},
    kernel::{OutboxEvent, OutboxQueries as _, StoreError},
    operations::{Down, Migrations as _},
};
use skep_domain::{
    events::{EventPosition, HeldEvent, HeldEventId, HeldState, SubscriptionId},
    shared::{EventId, Timestamp, Version},
};
use std::slice::from_ref;
use uuid::Uuid;

fn position(number: i64) -> EventPosition {
    EventPosition::new(number).unwrap()
}

/// An event that was made and occurred at this time.
fn made_at(millis: i64) -> OutboxEvent {
    OutboxEvent { id: EventId::first_at(at(millis)), occurred_at: at(millis), ..event() }
}

async fn append(db: &Db, appended: &[OutboxEvent]) {
    let mut unit = events(&db.store).await;
    for event in appended {
        unit.outbox().append(event).await.unwrap();
    }
    unit.commit().await.unwrap();
}

/// Gives the events without a position theirs, in the order in which the store lists them.
async fn place_all(db: &Db) {
    let mut unit = events(&db.store).await;
    let last = unit.log().lock().await.unwrap().last.get();
    let unplaced = unit.log().list_unplaced(500).await.unwrap();
    let placed: Vec<_> = unplaced.iter().map(|event| event.id).zip((last + 1..).map(position)).collect();
    unit.log().place(&placed).await.unwrap();
    unit.commit().await.unwrap();
}

fn held(subscription: SubscriptionId, state: HeldState) -> HeldEvent {
    let event = (EventId::new(uuid()), position(1));
    let held = HeldEvent::waiting(HeldEventId::new(uuid()), subscription, event, uuid(), at(0));
    HeldEvent { state, ..held }
}

/// Counts the documents and keys that the server read, with its profiler.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_stay_cost_the_relay_and_the_sweep_nothing() {
    with_db(|db| async move {
        append(&db, &(0..200).map(made_at).collect::<Vec<_>>()).await;
        place_all(&db).await;
        let new = made_at(1_000);
        append(&db, from_ref(&new)).await;
        let seen = db.profiled("outbox", async {
            let mut unit = events(&db.store).await;
            let ends = LogEnds { swept: position(0), last: position(200) };
            assert_eq!(unit.log().lock().await.unwrap(), ends);
            assert_eq!(unit.log().list_unplaced(10).await.unwrap().len(), 1);
            assert_eq!(unit.log().sweep(at(-1), position(200), 10).await.unwrap(), 0);
            unit.commit().await.unwrap();
            assert_eq!(db.store.log_ends().await.unwrap(), ends);
            assert_eq!(db.store.count_unplaced(10).await.unwrap(), 1);
            assert_eq!(db.store.list_placed(position(198), 10).await.unwrap().len(), 2);
        });
        let seen = seen.await;
        assert!(seen.len() >= 5, "{seen:?}");
        for entry in seen {
            assert!(entry.get_i32("keysExamined").unwrap() <= 3, "{entry}");
            assert!(entry.get_i32("docsExamined").unwrap() <= 2, "{entry}");
        }
        let seen = db.profiled("outbox", async {
            let mut unit = events(&db.store).await;
            assert_eq!(unit.log().last_before(at(2)).await.unwrap(), position(2));
        });
        for entry in seen.await {
            assert!(entry.get_i32("docsExamined").unwrap() <= i32::try_from(EARLIEST).unwrap(), "{entry}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_wait_or_are_parked_cost_a_retry_nothing() {
    with_db(|db| async move {
        let subscription = SubscriptionId::new(uuid());
        let of = |state| move |_| held(subscription, state);
        let others = (0..100).map(of(HeldState::Waiting)).chain((0..100).map(of(HeldState::Parked)));
        let due = held(subscription, HeldState::Retryable);
        let mut unit = events(&db.store).await;
        unit.deliveries().hold(&others.chain([due.clone()]).collect::<Vec<_>>()).await.unwrap();
        unit.commit().await.unwrap();
        let seen = db.profiled("held_events", async {
            assert_eq!(db.store.list_due(subscription, at(0), 10).await.unwrap(), [due]);
        });
        let seen = seen.await;
        assert_eq!(seen.len(), 1);
        assert!(seen[0].get_i32("docsExamined").unwrap() <= 1, "{}", seen[0]);
    })
    .await;
}

/// The limit cuts off the earlier versions of several aggregates at once.
#[tokio::test(flavor = "multi_thread")]
async fn earlier_versions_of_several_aggregates_are_found_without_the_others() {
    with_db(|db| async move {
        let of = |aggregate: u128, version: i64, millis: i64| OutboxEvent {
            aggregate_id: Uuid::from_u128(aggregate),
            aggregate_version: Version::new(version).unwrap(),
            ..made_at(millis)
        };
        let mut stored = vec![of(1, 2, 0), of(2, 3, 1)];
        stored.extend([of(1, 1, 2), of(2, 1, 3), of(2, 2, 4), of(2, 4, 5)]);
        stored.extend((0..100).map(|number| of(1, 3 + i64::from(number), 100 + i64::from(number))));
        append(&db, &stored).await;
        let seen = db.profiled("outbox", async {
            let mut unit = events(&db.store).await;
            let listed = unit.log().list_unplaced(2).await.unwrap();
            let mut ids: Vec<_> = listed.iter().map(|event| event.id).collect();
            ids.sort();
            assert_eq!(ids, stored[..5].iter().map(|event| event.id).collect::<Vec<_>>());
            unit.commit().await.unwrap();
        });
        let seen = seen.await;
        assert_eq!(seen.len(), 2);
        for entry in seen {
            assert!(entry.get_i32("keysExamined").unwrap() <= 6, "{entry}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_units_never_lock_the_log_at_once() {
    with_db(|db| async move {
        let mut first = events(&db.store).await;
        first.log().lock().await.unwrap();
        let mut second = events(&db.store).await;
        let locked = second.log().lock().await;
        assert!(matches!(locked, Err(StoreError::Retry(_))), "{locked:?}");
        first.commit().await.unwrap();
    })
    .await;
}

/// More events than the step places at once. An earlier start of the step was interrupted, and an older program still
/// runs and stores an event after the step.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_an_older_program_get_positions_in_the_order_of_their_ids() {
    with_db(|db| async move {
        db.store.down(&Down::of("events", 3)).await.unwrap();
        append(&db, &(0..1_200).map(|_| event()).collect::<Vec<_>>()).await;
        let expected: Vec<_> = db.store.list_events(None, 2_000).await.unwrap();
        for (event, place) in expected[..2].iter().zip([1_i64, 2]) {
            let id = bson::Uuid::from_uuid_1(event.id.uuid());
            let place = bson::doc! { "q": { "_id": id }, "u": { "$set": { "position": place } } };
            db.command(bson::doc! { "update": "outbox", "updates": [place] }).await;
        }
        db.store.up().await.unwrap();
        let placed = db.store.list_placed(EventPosition::START, 2_000).await.unwrap();
        assert_eq!(
            placed.iter().map(|placed| placed.position.get()).collect::<Vec<_>>(),
            (1..=1_200).collect::<Vec<_>>()
        );
        assert_eq!(placed.into_iter().map(|placed| placed.event).collect::<Vec<_>>(), expected);
        let ends = LogEnds { swept: position(0), last: position(1_200) };
        assert_eq!((db.store.log_ends().await.unwrap(), db.store.count_unplaced(9).await.unwrap()), (ends, 0));

        append(&db, &[event()]).await;
        assert_eq!(db.store.count_unplaced(9).await.unwrap(), 1);
        place_all(&db).await;
        assert_eq!(db.store.log_ends().await.unwrap().last, position(1_201));

        db.store.down(&Down::of("events", 3)).await.unwrap();
        let left = db.command(bson::doc! { "count": "outbox", "query": { "position": { "$exists": true } } }).await;
        assert_eq!((left.get_i32("n").unwrap(), db.store.list_events(None, 2_000).await.unwrap().len()), (0, 1_201));
    })
    .await;
}

/// More events that are held back than the sweep deletes at once come before one that is not.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_held_back_do_not_stop_the_sweep() {
    with_db(|db| async move {
        let stored: Vec<_> = (0..10).map(made_at).collect();
        append(&db, &stored).await;
        place_all(&db).await;
        let subscription = SubscriptionId::new(uuid());
        let kept = stored[..7].iter().zip(1..).map(|(event, place)| {
            let event = (event.id, position(place));
            HeldEvent::waiting(HeldEventId::new(uuid()), subscription, event, uuid(), at(0))
        });
        let mut unit = events(&db.store).await;
        unit.deliveries().hold(&kept.collect::<Vec<_>>()).await.unwrap();
        unit.log().lock().await.unwrap();
        assert_eq!(unit.log().sweep(Timestamp::MAX, position(10), 2).await.unwrap(), 2);
        unit.commit().await.unwrap();
        let left = db.store.list_placed(EventPosition::START, 20).await.unwrap();
        assert_eq!(left.iter().map(|placed| placed.position.get()).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 10]);
    })
    .await;
}

/// As the first step has placed them. The place of each event is the one in the list.
#[tokio::test(flavor = "multi_thread")]
async fn misplaced_events_of_an_aggregate_exchange_their_places() {
    with_db(|db| async move {
        let of = |aggregate: u128, version: i64, millis: i64| OutboxEvent {
            aggregate_id: Uuid::from_u128(aggregate),
            aggregate_version: Version::new(version).unwrap(),
            ..made_at(millis)
        };
        let stored = [of(1, 2, 0), of(2, 1, 1), of(1, 3, 2), of(2, 2, 3), of(1, 1, 4), of(1, 4, 5)];
        append(&db, &stored).await;
        place_all(&db).await;
        let entry = HeldEvent { event_id: stored[4].id, ..held(SubscriptionId::new(uuid()), HeldState::Parked) };
        let mut unit = events(&db.store).await;
        unit.deliveries().hold(from_ref(&entry)).await.unwrap();
        unit.commit().await.unwrap();
        // The second time, the step was interrupted when the first event had left its place.
        for is_interrupted in [false, true] {
            db.store.down(&Down::of("events", 1)).await.unwrap();
            if is_interrupted {
                let id = bson::Uuid::from_uuid_1(stored[0].id.uuid());
                let left = bson::doc! { "$set": { "position": -3_i64, "target": 3_i64 } };
                db.command(bson::doc! { "update": "outbox", "updates": [{ "q": { "_id": id }, "u": left }] }).await;
            }
            db.store.up().await.unwrap();
            let placed = db.store.list_placed(EventPosition::START, 9).await.unwrap();
            let order: Vec<_> = placed.iter().map(|placed| (placed.position.get(), placed.event.id)).collect();
            let expected: Vec<_> = (1..).zip([4, 1, 0, 3, 2, 5].map(|place| stored[place].id)).collect();
            assert_eq!(order, expected);
            let entry = db.store.find_held_event(entry.id).await.unwrap().unwrap();
            assert_eq!(entry.position, position(1));
        }
        let left = db.command(bson::doc! { "count": "outbox", "query": { "target": { "$exists": true } } }).await;
        assert_eq!(left.get_i32("n").unwrap(), 0);
    })
    .await;
}
