//! Tests of the use cases of operators, with mocks only.

use super::*;
use crate::{
    kernel::{Command, OutboxEvent, Page, PageRequest, Precondition, Total},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    events::{
        EventPosition, HeldEvent, HeldState, Replay, SubscriberName, Subscription, SubscriptionId, SubscriptionState,
    },
    shared::{Direction, EventId, LeaseToken, PageLimit, Timestamp, Version},
};
use std::sync::Arc;
use uuid::Uuid;

fn at(number: i64) -> EventPosition {
    EventPosition::new(number).unwrap()
}

fn name(text: &str) -> SubscriberName {
    SubscriberName::parse(text).unwrap()
}

/// A subscriber, and a log whose events 1 to 4 were deleted and whose last one is 9.
fn feed() -> Feed {
    let ends = LogEnds { swept: at(4), last: at(9) };
    Feed { ends, subscription: Some(subscription()), ..Feed::default() }
}

/// A feed whose subscription was broken off at this position.
fn broken(position: i64) -> Feed {
    let mut subscription = Subscription { position: at(position), ..subscription() };
    subscription.break_off(Timestamp::MIN);
    Feed { subscription: Some(subscription), ..feed() }
}

/// A feed that holds back a parked event, and two later ones of the same aggregate.
fn parked() -> Feed {
    let first = HeldEvent { state: HeldState::Parked, attempt: HeldEvent::ATTEMPTS, ..held_event(1) };
    Feed { held: vec![first, held_event(2), held_event(3)], ..feed() }
}

async fn run<C: Command<Unit = dyn EventsTx>>(
    tx: MockEventsTx,
    command: C,
    input: C::Input,
) -> Result<C::Answer, C::Error> {
    use_case(command, &Scripted::of([tx])).execute(&admin(), input).await
}

fn replay(after: Option<i64>, after_time: Option<&str>) -> StartReplayCommand {
    let after_time = after_time.map(str::to_owned);
    StartReplayCommand { subscriber: name("shop.mails"), after, after_time, dry_run: false }
}

fn resume() -> ResumeSubscriptionCommand {
    ResumeSubscriptionCommand { subscription_id: subscription().id, precondition: Precondition::Missing }
}

fn delete() -> DeleteSubscriptionCommand {
    DeleteSubscriptionCommand { subscription_id: subscription().id, precondition: Precondition::Missing }
}

fn act_on(n: u64, precondition: Precondition) -> HeldEventCommand {
    HeldEventCommand { held_event_id: held_event_id(n), precondition }
}

#[tokio::test]
async fn a_replay_is_a_subscription_of_its_own_that_ends_with_the_log_of_now() {
    let feed = feed();
    let started = run(feed.open(), StartReplay, replay(Some(6), None)).await.unwrap();
    let stored: Subscription = feed.seen.one("deliveries.insert");
    assert_eq!((stored.position, stored.replay), (at(6), Some(Replay { until: at(9) })));
    assert_eq!(started.subscription_id, Some(stored.id));
    assert_eq!((started.after, started.events, started.until), (at(6), 3, at(9)));
    assert_eq!(feed.seen.event().name, "events.replay_started.v1");
    let payload = json!({ "subscription_id": stored.id, "subscriber": "shop.mails", "after": 6, "until": 9 });
    assert_eq!(feed.seen.payload(), payload);
}

#[tokio::test]
async fn the_number_of_replays_that_are_not_finished_is_limited() {
    for (replays, expected) in [(REPLAYS_MAX - 1, "ok"), (REPLAYS_MAX, "too_many_replays")] {
        let feed = Feed { replays: replays.into(), ..feed() };
        let started = run(feed.open(), StartReplay, replay(Some(6), None)).await;
        assert_eq!(code(&started), expected);
    }
}

#[tokio::test]
async fn a_dry_run_and_a_replay_of_nothing_store_nothing() {
    let dry = StartReplayCommand { dry_run: true, ..replay(Some(4), None) };
    for (command, events) in [(dry, 5), (replay(Some(9), None), 0), (replay(Some(99), None), 0)] {
        let started = run(feed().looking(), StartReplay, command).await.unwrap();
        assert_eq!((started.subscription_id, started.events, started.until), (None, events, at(9)));
    }
}

#[tokio::test]
async fn events_that_were_deleted_cannot_be_replayed() {
    let refused = run(feed().looking(), StartReplay, replay(Some(3), None)).await;
    assert_eq!(code(&refused), "events_gone");
    assert!(refused.unwrap_err().to_string().ends_with("can begin after 4"));
}

#[tokio::test]
async fn a_replay_since_a_time_begins_with_the_first_event_that_is_kept() {
    for (last_before, time, after) in
        [(0, Some("2026-01-31T18:00:00Z"), 4), (7, Some("2026-01-31T18:00:00Z"), 7), (7, None, 4)]
    {
        let feed = Feed { last_before: at(last_before), ..feed() };
        let started = run(feed.open(), StartReplay, replay(None, time)).await.unwrap();
        assert_eq!(
            (started.after, feed.seen.one::<Subscription>("deliveries.insert").position),
            (at(after), at(after))
        );
    }
}

#[tokio::test]
async fn a_replay_has_one_beginning() {
    let time = Some("2026-01-31T18:00:00Z");
    for (command, fault) in [
        (replay(Some(-1), None), ("/after", "out_of_range")),
        (replay(None, Some("yesterday")), ("/after_time", "invalid_time")),
        (replay(Some(1), time), ("/after_time", "invalid_value")),
    ] {
        let refused = use_case(StartReplay, &Scripted::untouched()).execute(&admin(), command).await;
        assert_eq!(problem(&refused), ("validation_failed", vec![fault]));
    }
}

#[tokio::test]
async fn a_broken_subscriber_goes_on_with_the_first_event_that_is_kept() {
    let feed = broken(2);
    let resumed = run(feed.open(), ResumeSubscription, resume()).await.unwrap();
    let saved: Subscription = feed.seen.one("deliveries.save");
    assert_eq!((saved.state, saved.position, saved.version), (SubscriptionState::Active, at(4), Version::FIRST));
    assert_eq!((resumed.position, resumed.version), (at(4), Version::FIRST.next()));
    assert_eq!(feed.seen.event().name, "events.subscription_resumed.v1");
    let payload = json!({ "subscription_id": saved.id, "subscriber": "shop.mails", "position": 2, "after": 4 });
    assert_eq!(feed.seen.payload(), payload);
    let resumed = run(self::feed().looking(), ResumeSubscription, resume()).await.unwrap();
    assert_eq!(resumed, subscription(), "an active one stays as it is");
    let other = ResumeSubscriptionCommand { precondition: Precondition::version(Version::FIRST.next()), ..resume() };
    assert_eq!(code(&run(broken(2).looking(), ResumeSubscription, other).await), "precondition_failed");
}

#[tokio::test]
async fn a_replay_is_deleted_in_any_state() {
    let known = KnownSubscribers::default();
    known.know(&name("shop.mails"));
    let active = Subscription { position: at(6), replay: Some(Replay { until: at(9) }), ..subscription() };
    let mut delivered = active.clone();
    assert!(delivered.claim(LeaseToken::new(Uuid::from_u128(7))));
    let mut broken = active.clone();
    broken.break_off(Timestamp::MIN);
    for replay in [active, delivered, broken] {
        let feed = Feed { subscription: Some(replay.clone()), ..feed() };
        run(feed.open(), DeleteSubscription::new(known.clone()), delete()).await.unwrap();
        assert_eq!(feed.seen.one::<Subscription>("deliveries.delete"), replay);
        let payload = json!({ "subscription_id": replay.id, "subscriber": "shop.mails", "position": 6, "until": 9 });
        assert_eq!((feed.seen.event().name.as_str(), feed.seen.payload()), ("events.subscription_deleted.v1", payload));
    }
}

#[tokio::test]
async fn a_subscriber_is_deleted_only_if_no_program_has_it() {
    run(feed().open(), DeleteSubscription::new(KnownSubscribers::default()), delete()).await.unwrap();
    let known = KnownSubscribers::default();
    known.know(&name("shop.mails"));
    let refused = run(feed().looking(), DeleteSubscription::new(known.clone()), delete()).await;
    assert_eq!(code(&refused), "subscriber_in_use");
    // Another process has it.
    let mut delivered = subscription();
    assert!(delivered.claim(LeaseToken::new(Uuid::from_u128(7))));
    let feed = Feed { subscription: Some(delivered), ..feed() };
    let refused = run(feed.looking(), DeleteSubscription::new(KnownSubscribers::default()), delete()).await;
    assert_eq!(code(&refused), "subscriber_in_use");
    let other = DeleteSubscriptionCommand { precondition: Precondition::version(Version::FIRST.next()), ..delete() };
    let refused = run(feed.looking(), DeleteSubscription::new(known.clone()), other).await;
    assert_eq!(code(&refused), "precondition_failed");
    let none = Feed::default().looking();
    assert_eq!(code(&run(none, DeleteSubscription::new(known), delete()).await), "not_found");
}

#[tokio::test]
async fn an_unknown_subscriber_is_refused() {
    let command = StartReplayCommand { subscriber: name("shop.other"), ..replay(Some(4), None) };
    let refused = run(feed().looking(), StartReplay, command).await;
    assert_eq!(problem(&refused), ("validation_failed", vec![("/subscriber", "unknown_subscriber")]));
    assert_eq!(code(&run(Feed::default().looking(), ResumeSubscription, resume()).await), "not_found");
}

#[tokio::test]
async fn a_parked_event_that_is_retried_has_all_its_attempts() {
    let feed = parked();
    let retried = run(feed.open(), RetryHeldEvent, act_on(1, Precondition::Missing)).await.unwrap();
    assert_eq!((retried.state, retried.attempt, retried.version), (HeldState::Retryable, 0, Version::FIRST.next()));
    let payload = json!({
        "held_event_id": held_event_id(1), "subscription_id": subscription().id, "event_id": held_event(1).event_id,
    });
    assert_eq!((feed.seen.event().name.as_str(), feed.seen.payload()), ("events.held_event_retried.v1", payload));
}

#[tokio::test]
async fn the_event_after_one_that_is_skipped_is_tried_and_the_others_wait() {
    let feed = parked();
    run(feed.open(), SkipHeldEvent, act_on(1, Precondition::Missing)).await.unwrap();
    assert_eq!(feed.seen.one::<HeldEvent>("deliveries.release_held").id, held_event_id(1));
    let next: HeldEvent = feed.seen.one("deliveries.save_held");
    assert_eq!((next.id, next.state), (held_event_id(2), HeldState::Retryable));
    assert_eq!(feed.seen.event().name, "events.held_event_skipped.v1");
    // Without the first one, an event in the middle changes nothing for the others.
    let feed = parked();
    run(feed.open(), SkipHeldEvent, act_on(2, Precondition::Missing)).await.unwrap();
    assert!(feed.saved_states().is_empty());
}

#[tokio::test]
async fn an_event_that_waits_for_another_one_is_not_retried() {
    let refused = run(parked().looking(), RetryHeldEvent, act_on(2, Precondition::Missing)).await;
    assert_eq!(code(&refused), "held_event_waits");
    let other = Precondition::version(Version::FIRST.next());
    let refused = run(parked().looking(), RetryHeldEvent, act_on(2, other.clone())).await;
    assert_eq!(code(&refused), "precondition_failed");
    assert_eq!(code(&run(parked().looking(), SkipHeldEvent, act_on(1, other)).await), "precondition_failed");
    assert_eq!(code(&run(feed().looking(), SkipHeldEvent, act_on(1, Precondition::Missing)).await), "not_found");
}

#[tokio::test]
async fn obey_the_frame_of_commands() {
    let missing = || Precondition::Missing;
    obeys_the_frame(&feed(), || StartReplay, &admin(), || replay(Some(6), None)).await;
    obeys_the_frame(&broken(2), || ResumeSubscription, &admin(), resume).await;
    obeys_the_frame(&parked(), || RetryHeldEvent, &admin(), || act_on(1, missing())).await;
    let nowhere = || DeleteSubscription::new(KnownSubscribers::default());
    obeys_the_frame(&feed(), nowhere, &admin(), delete).await;
    let alone = Feed { held: parked().held.into_iter().take(1).collect(), ..parked() };
    obeys_the_frame(&alone, || SkipHeldEvent, &admin(), || act_on(1, missing())).await;
}

fn placed(number: i64) -> PlacedEvent {
    let event = OutboxEvent {
        id: EventId::new(held_event(1).event_id.uuid()),
        name: "catalog.product_created.v1".to_owned(),
        aggregate_id: product_id(1).uuid(),
        aggregate_version: Version::FIRST,
        actor_id: None,
        impersonator_id: None,
        request_id: "request-1".to_owned(),
        traceparent: None,
        occurred_at: Timestamp::MIN,
        payload: "{}".to_owned(),
    };
    PlacedEvent { position: at(number), event }
}

/// The queries of a store with one event, one subscription and no event that is held back.
fn queries() -> (Arc<dyn EventQueries>, Arc<dyn DeliveryQueries>) {
    let (mut log, mut deliveries) = (MockEventQueries::new(), MockDeliveryQueries::new());
    log.expect_log_ends().returning(|| Ok(LogEnds { swept: at(4), last: at(9) }));
    log.expect_list_placed().returning(|after, limit| {
        let events = (after.get() + 1..).map(placed).take_while(|placed| placed.position <= at(9));
        Ok(events.take(limit as usize).collect())
    });
    log.expect_find_placed().returning(|id| Ok(Some(placed(5)).filter(|placed| placed.event.id == id)));
    deliveries.expect_list_subscriptions().returning(|_| {
        let ended = Subscription { position: at(6), replay: Some(Replay { until: at(6) }), ..subscription() };
        Ok(vec![ended, Subscription { position: at(7), ..subscription() }])
    });
    deliveries.expect_find_subscription().returning(|id| Ok(Some(subscription()).filter(|one| one.id == id)));
    deliveries.expect_count_held_events().returning(|_, _| Ok(vec![(HeldState::Parked, 2)]));
    deliveries.expect_find_held_event().returning(|id| Ok(Some(held_event(1)).filter(|held| held.id == id)));
    deliveries.expect_list_held_events().returning(|state, _, page| {
        let rows = if state == HeldState::Parked { 6 } else { 2 };
        Ok(Page { items: vec![], next: None, total: page.count_up_to.map(|bound| Total::of(rows, bound)) })
    });
    (Arc::new(log), Arc::new(deliveries))
}

#[tokio::test]
async fn readers_show_events_with_the_ends_of_the_log() {
    let read = ReadEvents::new(queries().0);
    let view = read.after(&admin(), at(7), PageLimit::MAX).await.unwrap();
    assert_eq!((view.events, view.ends.last), (vec![placed(8), placed(9)], at(9)));
    assert_eq!(read.get(&admin(), held_event(1).event_id).await.unwrap(), placed(5));
    assert_eq!(code(&read.get(&admin(), held_event(2).event_id).await), "not_found");
    for (actor, refused) in [(user(1), "forbidden"), (visitor(), "unauthenticated")] {
        assert_eq!(code(&read.after(&actor, at(7), PageLimit::MAX).await), refused);
        assert_eq!(code(&read.get(&actor, held_event(1).event_id).await), refused);
    }
}

#[tokio::test]
async fn the_lag_of_a_replay_is_its_distance_from_its_own_end() {
    let (log, deliveries) = queries();
    let list = ListSubscriptions::new(log, deliveries);
    let views = list.execute(&admin()).await.unwrap();
    assert_eq!(views.iter().map(|view| view.lag).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(views[0].held, [(HeldState::Parked, 2)]);
    assert_eq!(code(&list.execute(&user(1)).await), "forbidden");
    assert_eq!(list.get(&admin(), subscription().id).await.unwrap(), subscription());
    assert_eq!(code(&list.get(&admin(), SubscriptionId::new(Uuid::nil())).await), "not_found");
    assert_eq!(code(&list.get(&user(1), subscription().id).await), "forbidden");
}

/// The events of one state are counted although the list of another one is known to be long.
#[tokio::test]
async fn the_list_of_each_state_has_its_own_total() {
    let list = ListHeldEvents::new(queries().1, fixed_runtime().0.clock);
    let sort = HeldSort { key: HeldSortKey::HeldAt, direction: Direction::Ascending };
    let page = PageRequest { count_up_to: Some(5), ..PageRequest::default() };
    let total = async |state| list.execute(&admin(), state, sort, &page).await.unwrap().total.unwrap();
    assert_eq!(total(HeldState::Parked).await, Total { count: 5, is_exact: false });
    assert_eq!(total(HeldState::Waiting).await, Total { count: 2, is_exact: true });
    assert_eq!(code(&list.execute(&user(1), HeldState::Parked, sort, &page).await), "forbidden");
    assert_eq!(list.get(&admin(), held_event_id(1)).await.unwrap(), held_event(1));
    assert_eq!(code(&list.get(&admin(), held_event_id(2)).await), "not_found");
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

/// Programs store these bytes with idempotency keys: the fingerprint and the answer.
#[test]
fn the_stored_form_of_the_commands_and_the_answers_does_not_change() {
    let start = replay(Some(6), None);
    assert_eq!(json(&start), r#"{"subscriber":"shop.mails","after":6,"after_time":null,"dry_run":false}"#);
    let command = format!(r#"{{"subscription_id":"{}","precondition":"Missing"}}"#, subscription().id);
    assert_eq!(json(&resume()), command);
    assert_eq!(json(&delete()), command);
    let command = format!(r#"{{"held_event_id":"{}","precondition":"Missing"}}"#, held_event_id(1));
    assert_eq!(json(&act_on(1, Precondition::Missing)), command);
    let started = StartedReplay { subscription_id: None, after: at(6), events: 3, until: at(9) };
    assert_eq!(json(&started), r#"{"subscription_id":null,"after":6,"events":3,"until":9}"#);
    let time = json(&Timestamp::MIN);
    let (id, event, aggregate) = (held_event_id(1), held_event(1).event_id, product_id(1));
    let of = subscription().id;
    let held = format!(
        r#"{{"id":"{id}","subscription_id":"{of}","event_id":"{event}","position":1,"aggregate_id":"{aggregate}","state":"waiting","attempt":0,"ready_at":{time},"message":"","held_at":{time},"version":1}}"#
    );
    assert_eq!(json(&held_event(1)), held);
    assert_eq!(serde_json::from_str::<HeldEvent>(&held).unwrap(), held_event(1));
    let one = format!(
        r#"{{"id":"{of}","subscriber":"shop.mails","replay":null,"position":0,"state":"active","created_at":{time},"updated_at":{time},"version":1}}"#
    );
    assert_eq!(json(&subscription()), one);
    assert_eq!(serde_json::from_str::<Subscription>(&one).unwrap(), subscription());
}
