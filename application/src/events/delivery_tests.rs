//! Tests of delivery and of what surrounds it, with mocks only.

use super::*;
use crate::{
    kernel::{Attempt, Begin, Clock as _, OutboxEvent, Round, Sweep as _, SweepAll as _, run},
    testing::*,
};
use skep_domain::{
    events::{EventPosition, HeldEvent, HeldState, Replay, Subscription, SubscriptionState, UnplacedEvent},
    shared::{EventId, LeaseToken, Timestamp, Version},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use uuid::Uuid;

fn at(number: i64) -> EventPosition {
    EventPosition::new(number).unwrap()
}

fn token() -> LeaseToken {
    LeaseToken::new(Uuid::from_u128(7))
}

/// A subscription that this process has claimed, which has passed the event at this position.
fn claimed(position: i64, until: Option<i64>) -> Feed {
    let replay = until.map(|until| Replay { until: at(until) });
    let mut subscription = Subscription { position: at(position), replay, ..subscription() };
    assert!(subscription.claim(token()));
    Feed { subscription: Some(subscription), ..Feed::default() }
}

fn claim() -> ClaimedSubscription {
    ClaimedSubscription { id: subscription().id, token: token() }
}

/// The event at this position, of the product with this number.
fn placed(position: i64, product: u64) -> PlacedEvent {
    let event = OutboxEvent {
        id: EventId::new(Uuid::from_u128(u128::try_from(position).unwrap())),
        name: "catalog.product_created.v1".to_owned(),
        aggregate_id: product_id(product).uuid(),
        aggregate_version: Version::FIRST,
        actor_id: None,
        impersonator_id: None,
        request_id: "request-1".to_owned(),
        traceparent: Some("trace-1".to_owned()),
        occurred_at: Timestamp::MIN,
        payload: "{}".to_owned(),
    };
    PlacedEvent { position: at(position), event }
}

/// Notes the positions of events. Those of product 13 fail.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Vec<i64>>>);

impl Noting {
    fn seen(&self) -> Vec<i64> {
        self.0.lock().unwrap().clone()
    }
}

impl EventHandler for Noting {
    const NAME: &'static str = "shop.mails";
    const EVENTS: &'static [&'static str] = &["catalog.product_created.v1"];
    type Unit = dyn EventsTx;

    async fn handle(&self, _: &mut Self::Unit, event: &PlacedEvent, call: &Handling<'_>) -> Result<(), HandlerError> {
        assert_eq!((call.actor.request_id.as_str(), call.actor.traceparent.as_deref()), ("request-1", Some("trace-1")));
        self.0.lock().unwrap().push(event.position.get());
        if event.event.aggregate_id == product_id(13).uuid() { Err(HandlerError::failed("unlucky")) } else { Ok(()) }
    }
}

/// The subscriber over units of work, and what its handler has got.
fn subscriber(units: Vec<MockEventsTx>) -> (Arc<dyn Subscriber>, Noting) {
    let handler = Noting::default();
    let store: Arc<dyn Begin<dyn EventsTx>> = Scripted::of(units);
    let all = Subscribers::default().with(handler.clone(), store, fixed_runtime().0, |unit| unit.deliveries());
    (all.all()[0].clone(), handler)
}

#[tokio::test]
async fn events_that_are_new_and_wanted_are_handled_and_the_position_moves() {
    let feed = Feed { received: vec![placed(2, 2).event.id], ..claimed(0, None) };
    let (subscriber, handler) = subscriber(vec![feed.open()]);
    let mut events = [placed(1, 1), placed(2, 2), placed(3, 3), placed(4, 4)];
    events[2].event.name = "catalog.product_changed.v1".to_owned();
    subscriber.deliver(claim(), &events).await.unwrap();
    assert_eq!(handler.seen(), [1, 4], "the second one was received before, and the third one is of another kind");
    let saved: Subscription = feed.seen.one("deliveries.save");
    assert_eq!((saved.position, saved.lease.unwrap().beat, feed.seen.endings()), (at(4), 1, vec![Ending::Committed]));
}

/// A delivery whose commit had an unknown outcome is tried again.
#[tokio::test]
async fn events_that_an_unknown_commit_has_stored_are_not_handled_again() {
    let first = claimed(0, None).open().with_commit_error(unknown());
    let (subscriber, handler) = subscriber(vec![first, claimed(2, None).open()]);
    subscriber.deliver(claim(), &[placed(1, 1), placed(2, 2)]).await.unwrap();
    assert_eq!(handler.seen(), [1, 2]);
}

#[tokio::test]
async fn a_replay_delivers_no_event_after_its_end() {
    let feed = claimed(1, Some(3));
    let (subscriber, handler) = subscriber(vec![feed.open()]);
    subscriber.deliver(claim(), &[placed(2, 2), placed(3, 3), placed(4, 4)]).await.unwrap();
    assert_eq!(handler.seen(), [2, 3]);
    let saved: Subscription = feed.seen.one("deliveries.save");
    assert_eq!((saved.position, saved.state), (at(3), SubscriptionState::Active));
    // The position of a replay that has come to its end stays.
    let feed = claimed(3, Some(3));
    let (subscriber, handler) = self::subscriber(vec![feed.open()]);
    subscriber.deliver(claim(), &[placed(4, 4)]).await.unwrap();
    assert_eq!((handler.seen(), feed.seen.one::<Subscription>("deliveries.save").position), (vec![], at(3)));
}

#[tokio::test]
async fn a_process_without_the_subscription_changes_nothing() {
    for feed in [Feed::default(), Feed { subscription: Some(subscription()), ..Feed::default() }] {
        let units = std::iter::repeat_with(|| feed.looking()).take(4).collect();
        let (subscriber, handler) = subscriber(units);
        let id = held_event_id(1);
        let refused = [
            subscriber.deliver(claim(), &[placed(1, 1)]).await,
            subscriber.hold(claim(), &placed(1, 1), "unlucky").await,
            subscriber.deliver_held(claim(), id, &placed(1, 1)).await,
            subscriber.fail_held(claim(), &held_event(1), "unlucky").await,
        ];
        assert!(refused.iter().all(|result| matches!(result, Err(DeliveryError::Fenced))), "{refused:?}");
        assert!(handler.seen().is_empty());
    }
}

#[tokio::test]
async fn the_place_of_an_event_that_fails_is_named_and_nothing_is_stored() {
    let feed = claimed(0, None);
    let (subscriber, _) = subscriber(vec![feed.open()]);
    match subscriber.deliver(claim(), &[placed(1, 1), placed(2, 13), placed(3, 3)]).await {
        Err(DeliveryError::Failed { place: 1, message }) => assert_eq!(message, "unlucky"),
        other => panic!("{other:?}"),
    }
    assert_eq!(feed.seen.endings(), [Ending::RolledBack]);
}

#[tokio::test]
async fn an_event_that_fails_is_held_back_and_those_of_its_aggregate_wait() {
    let feed = claimed(0, None);
    let (one, _) = subscriber(vec![feed.open()]);
    one.hold(claim(), &placed(1, 1), "unlucky").await.unwrap();
    let held: HeldEvent = feed.seen.one("deliveries.hold");
    assert_eq!((held.state, held.attempt, held.message.as_str()), (HeldState::Retryable, 1, "unlucky"));
    assert_eq!((held.event_id, held.position), (placed(1, 1).event.id, at(1)));
    assert_eq!(feed.seen.one::<Subscription>("deliveries.save").position, at(1));

    let feed = Feed { held: vec![held], ..claimed(1, None) };
    let (one, handler) = subscriber(vec![feed.open()]);
    one.deliver(claim(), &[placed(2, 1), placed(3, 3)]).await.unwrap();
    let waiting: HeldEvent = feed.seen.one("deliveries.hold");
    assert_eq!((waiting.state, waiting.position, handler.seen()), (HeldState::Waiting, at(2), vec![3]));
}

#[tokio::test]
async fn a_held_event_that_is_delivered_lets_the_next_one_of_its_aggregate_be_tried() {
    let first = HeldEvent { state: HeldState::Retryable, ..held_event(1) };
    let feed = Feed { held: vec![first, held_event(2), held_event(3)], ..claimed(9, None) };
    let (subscriber, handler) = subscriber(vec![feed.open(), feed.open()]);
    subscriber.deliver_held(claim(), held_event_id(1), &placed(1, 1)).await.unwrap();
    assert_eq!(handler.seen(), [1]);
    assert_eq!(feed.seen.one::<HeldEvent>("deliveries.release_held").id, held_event_id(1));
    let next: HeldEvent = feed.seen.one("deliveries.save_held");
    assert_eq!((next.id, next.state), (held_event_id(2), HeldState::Retryable));
    // An operator may have skipped it meanwhile.
    subscriber.deliver_held(claim(), held_event_id(9), &placed(9, 1)).await.unwrap();
    assert_eq!(handler.seen(), [1]);
}

#[tokio::test]
async fn a_held_event_that_fails_again_is_parked_after_its_last_attempt() {
    let last = HeldEvent { state: HeldState::Retryable, attempt: HeldEvent::ATTEMPTS - 1, ..held_event(1) };
    let feed = Feed { held: vec![last.clone()], ..claimed(9, None) };
    let (subscriber, _) = subscriber(vec![feed.open(), feed.open()]);
    subscriber.fail_held(claim(), &last, "still unlucky").await.unwrap();
    let saved: HeldEvent = feed.seen.one("deliveries.save_held");
    assert_eq!((saved.state, saved.message.as_str()), (HeldState::Parked, "still unlucky"));
    subscriber.fail_held(claim(), &held_event(9), "skipped meanwhile").await.unwrap();
    assert_eq!(feed.saved_states(), [HeldState::Parked]);
}

/// A unit whose commit had an unknown outcome is tried again.
#[tokio::test]
async fn an_attempt_that_an_unknown_commit_has_noted_counts_once() {
    let seen = HeldEvent { state: HeldState::Retryable, attempt: 3, ..held_event(1) };
    let noted = HeldEvent { attempt: 4, ..seen.clone() };
    let first = Feed { held: vec![seen.clone()], ..claimed(9, None) };
    let second = Feed { held: vec![noted], ..claimed(9, None) };
    let units = vec![first.open().with_commit_error(unknown()), second.open()];
    subscriber(units).0.fail_held(claim(), &seen, "unlucky").await.unwrap();
    assert_eq!(first.seen.one::<HeldEvent>("deliveries.save_held").attempt, 4);
    assert!(second.saved_states().is_empty());
}

/// The number that one batch reports.
async fn batch(sweep: &SweepEvents) -> u64 {
    let (runtime, clock) = fixed_runtime();
    run(&runtime, None, |attempt: Attempt| sweep.batch(attempt, clock.now(), 500)).await.unwrap()
}

/// What a sweep deletes and breaks off, with these subscriptions behind the end of the log, which is at 9. Events before
/// position 5 are older than the longest lag.
async fn sweep(behind: Vec<Subscription>) -> (EventPosition, Vec<Subscription>) {
    let ends = LogEnds { swept: at(0), last: at(9) };
    let feed = Feed { ends, last_before: at(5), behind, ..Feed::default() };
    let (mut unit, seen) = (feed.open(), feed.seen.clone());
    unit.deliveries.expect_sweep_received().times(1).returning(|_, _| Ok(3));
    unit.deliveries.expect_sweep_finished().times(1).returning(|_, _| Ok(3));
    unit.log.expect_sweep().returning(move |_, passed, limit| {
        seen.note("log.sweep", &[passed]);
        assert!(limit > 3);
        Ok(3)
    });
    let sweep = SweepEvents::new(Scripted::of([unit]), EventPolicy::default());
    assert_eq!(batch(&sweep).await, 3);
    assert_eq!(feed.seen.one::<EventPosition>("deliveries.list_behind"), at(9));
    (feed.seen.one("log.sweep"), feed.seen.all("deliveries.save"))
}

#[tokio::test]
async fn events_that_a_subscription_needs_are_kept_unless_it_is_too_far_behind() {
    let behind = |position| Subscription { position: at(position), ..subscription() };
    assert_eq!(sweep(vec![]).await, (at(9), vec![]));
    assert_eq!(sweep(vec![behind(5), behind(7)]).await, (at(5), vec![]));
    let (passed, broken) = sweep(vec![behind(4), behind(7)]).await;
    assert_eq!((passed, broken[0].state, broken.len()), (at(7), SubscriptionState::Broken, 1));
    // It has passed its last event, and still holds one back.
    let ended = Subscription { replay: Some(Replay { until: at(4) }), ..behind(4) };
    assert_eq!(sweep(vec![ended]).await, (at(9), vec![]));
}

#[tokio::test]
async fn without_a_lifetime_no_event_is_deleted_and_the_rest_after_the_longest_lag() {
    let policy = EventPolicy { lifetime: None, longest_lag: Duration::from_secs(86_400) };
    let feed = Feed::default();
    let (mut unit, seen) = (feed.open(), feed.seen.clone());
    let received = seen.clone();
    unit.deliveries.expect_sweep_received().times(1).returning(move |until, _| {
        received.note("deliveries.sweep_received", &[until]);
        Ok(2)
    });
    unit.deliveries.expect_sweep_finished().times(1).returning(move |until, _| {
        seen.note("deliveries.sweep_finished", &[until]);
        Ok(1)
    });
    assert_eq!(batch(&SweepEvents::new(Scripted::of([unit]), policy)).await, 2);
    let (now, day) = (fixed_runtime().1.now(), 86_400_000);
    let until = |call| feed.seen.one::<Timestamp>(call);
    assert_eq!(until("deliveries.sweep_received"), now.plus_millis(-2 * day));
    assert_eq!(until("deliveries.sweep_finished"), now.plus_millis(-day));
}

/// A program without workers has no relay.
#[tokio::test]
async fn the_sweep_places_all_events_that_have_no_position() {
    let units = [500_i64, 3].map(|events| {
        let mut unit = Feed::default().open();
        unit.log.expect_list_unplaced().returning(move |limit| {
            assert_eq!(limit, 500);
            let unplaced = |number| UnplacedEvent {
                id: EventId::new(Uuid::from_u128(number)),
                aggregate_id: Uuid::from_u128(number),
                aggregate_version: Version::FIRST,
            };
            Ok((0..u128::try_from(events).unwrap()).map(unplaced).collect())
        });
        unit.log.expect_place().times(1).returning(|_| Ok(()));
        unit
    });
    let (runtime, _) = fixed_runtime();
    let place = PlaceEvents::new(Scripted::of(units), runtime.clone());
    let mut round = Round::new(&runtime, 10, &|| false);
    place.sweep_all(&mut round).await.unwrap();
    assert_eq!(round.swept, 0, "nothing was deleted");
    let mut round = Round::new(&runtime, 10, &|| true);
    PlaceEvents::new(Scripted::untouched(), runtime.clone()).sweep_all(&mut round).await.unwrap();
}
