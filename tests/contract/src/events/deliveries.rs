//! `DeliveryRepository` and `DeliveryQueries`.

use super::log::{append, at, event, place_all};
use crate::{
    check::{Checked, duplicate, equal, holds},
    clause::{self, clauses},
    laws::{Deleted, Entity, Listed, Shown, Unique, Versioned, deletes, lists, put, put_sample, saves, shows},
    sample,
    units::{commit, look},
    world,
};
use async_trait::async_trait;
use skep_application::{
    events::{
        EventsStore, EventsTx, HeldSort, HeldSortKey,
        constraints::{HELD_EVENT, HELD_EVENT_ID, SUBSCRIPTION_ID, SUBSCRIPTION_SUBSCRIBER},
    },
    kernel::{Page, PageRequest, Position, Scope, StoreError},
};
use skep_domain::{
    events::{
        EventPosition, HeldEvent, HeldEventId, HeldState, Replay, SubscriberName, Subscription, SubscriptionId,
        SubscriptionState,
    },
    jobs::Backoff,
    shared::{Direction, EventId, Lease, LeaseToken, Timestamp, Version},
};
use std::sync::Arc;

clauses! { clauses of "deliveries" on dyn EventsStore, with [
        saves::clauses::<Subscription>("subscriptions"),
        deletes::clauses::<Subscription>("subscriptions"),
        shows::clauses::<Subscription>("subscription_queries"),
        saves::clauses::<HeldEvent>("held_events"),
        shows::clauses::<HeldEvent>("held_event_queries"),
        lists::clauses::<HeldEvent>("held_event_queries"),
        lists::leaving::<HeldEvent>("held_event_queries"),
    ]:
    a_subscriber_has_one_subscription_and_any_number_of_replays,
    two_units_never_save_one_subscription ["DeliveryRepository 1"],
    an_event_is_received_once ["DeliveryRepository 2"],
    racing_units_receive_an_event_once ["DeliveryRepository 2"],
    the_first_held_event_of_an_aggregate_comes_next ["DeliveryRepository 3"],
    active_subscriptions_that_are_behind_are_listed ["DeliveryRepository 4"],
    replays_that_are_not_finished_are_counted ["DeliveryRepository 8"],
    a_deleted_subscription_holds_nothing_back ["DeliveryRepository 7"],
    received_events_are_forgotten_by_their_age ["DeliveryRepository 5"],
    finished_replays_are_deleted_by_their_age ["DeliveryRepository 6"],
    due_events_are_those_that_are_retryable ["DeliveryQueries 1"],
    held_events_are_counted_by_state,
    an_event_that_is_held_back_is_kept ["EventLog 6"],
}

type Given = clause::Given<dyn EventsStore>;

fn token() -> LeaseToken {
    LeaseToken::new(world::uuid())
}

pub(super) fn subscriber() -> Checked<SubscriberName> {
    Ok(SubscriberName::parse(&format!("s-{}", world::uuid()))?)
}

fn subscription(position: i64, replay: Option<Replay>) -> Checked<Subscription> {
    let id = SubscriptionId::new(world::uuid());
    Ok(Subscription::create(id, subscriber()?, at(position), replay, sample::at(0)))
}

fn held(subscription: SubscriptionId, aggregate: uuid::Uuid, position: i64) -> HeldEvent {
    let event = (sample::event_id(), at(position));
    HeldEvent::waiting(HeldEventId::new(world::uuid()), subscription, event, aggregate, sample::at(0))
}

fn retryable(subscription: SubscriptionId, ready_at: i64) -> HeldEvent {
    let held = held(subscription, world::uuid(), 1);
    HeldEvent { state: HeldState::Retryable, ready_at: sample::at(ready_at), ..held }
}

#[async_trait]
impl Entity for Subscription {
    type Id = SubscriptionId;
    type Store = dyn EventsStore;
    type Tx = dyn EventsTx;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: SUBSCRIPTION_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique {
            rule: SUBSCRIPTION_SUBSCRIBER,
            collide: |one, other| other.subscriber.clone_from(&one.subscriber),
            on_save: false,
        },
    ];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        subscription(3, None)
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        let replay = Some(Replay { until: at(i64::MAX) });
        Ok(vec![
            Self {
                position: at(i64::MAX),
                subscriber: SubscriberName::parse(&"z".repeat(100))?,
                state: SubscriptionState::Finished,
                created_at: Timestamp::MAX,
                updated_at: Timestamp::MAX,
                ..subscription(0, replay)?
            },
            Self {
                lease: Some(Lease { token: token(), beat: u32::MAX }),
                created_at: Timestamp::MIN,
                updated_at: Timestamp::MIN,
                ..subscription(0, None)?
            },
            Self { state: SubscriptionState::Broken, ..subscription(0, Some(Replay { until: EventPosition::START }))? },
        ])
    }

    fn id(&self) -> SubscriptionId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: SubscriptionId) -> Result<Option<Self>, StoreError> {
        tx.deliveries().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.deliveries().insert(self).await
    }
}

#[async_trait]
impl Versioned for Subscription {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        self.position = at(100 * round);
        let places = SubscriptionState::ALL.len();
        self.state = SubscriptionState::ALL[usize::try_from(round)? % places];
        self.lease = (round % 2 == 1).then(|| Lease { token: token(), beat: u32::try_from(round).unwrap_or(0) });
        self.updated_at = sample::at(100 * round);
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.deliveries().save(self).await
    }
}

#[async_trait]
impl Deleted for Subscription {
    async fn delete(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.deliveries().delete(self).await
    }
}

#[async_trait]
impl Shown for Subscription {
    type Row = Self;

    fn row(&self) -> Self {
        self.clone()
    }

    async fn show(store: &Self::Store, _: Scope, id: SubscriptionId) -> Result<Option<Self>, StoreError> {
        store.find_subscription(id).await
    }
}

#[async_trait]
impl Entity for HeldEvent {
    type Id = HeldEventId;
    type Store = dyn EventsStore;
    type Tx = dyn EventsTx;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: HELD_EVENT_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique {
            rule: HELD_EVENT,
            collide: |one, other| (other.subscription_id, other.event_id) = (one.subscription_id, one.event_id),
            on_save: false,
        },
    ];

    async fn sample(store: &Self::Store) -> Checked<Self> {
        let subscription: Subscription = put_sample(store).await?;
        Ok(held(subscription.id, world::uuid(), 7))
    }

    async fn extremes(store: &Self::Store) -> Checked<Vec<Self>> {
        let subscription: Subscription = put_sample(store).await?;
        let of = |state, time, message: &str, position| Self {
            state,
            attempt: u32::MAX,
            ready_at: time,
            message: message.to_owned(),
            held_at: time,
            ..held(subscription.id, uuid::Uuid::nil(), position)
        };
        Ok(vec![
            of(HeldState::Parked, Timestamp::MAX, &"\u{10FFFD}".repeat(1_024), i64::MAX),
            of(HeldState::Retryable, Timestamp::MIN, "", 1),
        ])
    }

    fn id(&self) -> HeldEventId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: HeldEventId) -> Result<Option<Self>, StoreError> {
        tx.deliveries().find_held(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.deliveries().hold(std::slice::from_ref(self)).await
    }
}

#[async_trait]
impl Versioned for HeldEvent {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        if round % 3 == 0 {
            self.state = HeldState::Parked;
            self.message = format!("parked {round}");
        } else {
            self.fail(format!("round {round}"), (Backoff::USUAL, 0.5), sample::at(round));
        }
        self.attempt = u32::try_from(round)?;
        self.ready_at = sample::at(1_000 + round);
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.deliveries().save_held(self).await
    }
}

#[async_trait]
impl Shown for HeldEvent {
    type Row = Self;

    fn row(&self) -> Self {
        self.clone()
    }

    async fn show(store: &Self::Store, _: Scope, id: HeldEventId) -> Result<Option<Self>, StoreError> {
        store.find_held_event(id).await
    }
}

#[async_trait]
impl Listed for HeldEvent {
    type Sort = HeldSortKey;
    const SORTS: &'static [HeldSortKey] = HeldSortKey::ALL;

    async fn common(store: &Self::Store, number: i64) -> Checked<Self> {
        Ok(Self { held_at: sample::at(number % 5 * 10), ..Self::sample(store).await? })
    }

    async fn edges(store: &Self::Store) -> Checked<Vec<Self>> {
        let mut edges = vec![];
        for held_at in sample::edges_of_time()? {
            edges.push(Self { held_at, ..Self::sample(store).await? });
        }
        Ok(edges)
    }

    fn place(sort: HeldSortKey, row: &Self) -> Position {
        sort.position(row)
    }

    async fn list(
        store: &Self::Store,
        _: Scope,
        key: HeldSortKey,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<Self>, StoreError> {
        store.list_held_events(HeldState::Waiting, HeldSort { key, direction }, page).await
    }

    async fn leave(&self, tx: &mut Self::Tx) -> Result<bool, StoreError> {
        tx.deliveries().release_held(self).await?;
        Ok(true)
    }
}

async fn a_subscriber_has_one_subscription_and_any_number_of_replays(given: &Given) -> Checked {
    let live = subscription(0, None)?;
    let replay = |until| Subscription {
        subscriber: live.subscriber.clone(),
        replay: Some(Replay { until: at(until) }),
        id: SubscriptionId::new(world::uuid()),
        created_at: sample::at(until),
        ..live.clone()
    };
    let replays = [replay(1), replay(2)];
    put(&*given.store, &[live.clone(), replays[0].clone(), replays[1].clone()]).await?;
    let found = look!(given.store, tx => {
        (tx.deliveries().find_live(&live.subscriber).await?, tx.deliveries().find_live(&SubscriberName::stored("no".into())).await?)
    })?;
    equal(found, (Some(live.clone()), None))?;
    let all = given.store.list_subscriptions(10).await?;
    equal(all, vec![live.clone(), replays[1].clone(), replays[0].clone()])?;
    equal(given.store.list_subscriptions(1).await?, vec![live.clone()])?;
    let mut tx = crate::units::write(&*given.store).await?;
    let again = Subscription { id: SubscriptionId::new(world::uuid()), ..live };
    duplicate(tx.deliveries().insert(&again).await, SUBSCRIPTION_SUBSCRIBER)
}

async fn two_units_never_save_one_subscription(given: &Given) -> Checked {
    let new: Subscription = put_sample(&*given.store).await?;
    let start = Arc::new(tokio::sync::Barrier::new(6));
    let race = |_| {
        let (store, start, id, token) = (given.store.clone(), start.clone(), new.id, token());
        tokio::spawn(async move {
            start.wait().await;
            loop {
                let claimed = commit!(store, tx => {
                    let found = tx.deliveries().find(id).await?;
                    let mut found = found.ok_or_else(|| StoreError::Corrupt("the subscription is missing".into()))?;
                    let claimed = found.claim(token);
                    if claimed {
                        tx.deliveries().save(&found).await?;
                    }
                    claimed
                });
                match claimed {
                    Err(StoreError::Stale) => {}
                    claimed => break claimed,
                }
            }
        })
    };
    let mut claimed = 0;
    for task in (0..6).map(race).collect::<Vec<_>>() {
        claimed += usize::from(task.await??);
    }
    equal(claimed, 1)
}

async fn an_event_is_received_once(given: &Given) -> Checked {
    let (one, other): (Subscription, Subscription) =
        (put_sample(&*given.store).await?, put_sample(&*given.store).await?);
    let events: Vec<EventId> = (0..4).map(|_| sample::event_id()).collect();
    let receive = async |subscription: &Subscription, events: &[EventId]| {
        let mut new = commit!(given.store, tx => {
            tx.deliveries().receive(subscription.id, events, sample::at(1)).await?
        })?;
        new.sort();
        Ok::<_, StoreError>(new)
    };
    equal(receive(&one, &events[..2]).await?, events[..2].to_vec())?;
    equal(receive(&one, &events[1..]).await?, events[2..].to_vec())?;
    equal(receive(&one, &[]).await?, vec![])?;
    equal(receive(&other, &events).await?, events.clone())?;
    let undone = [sample::event_id()];
    look!(given.store, tx => tx.deliveries().receive(one.id, &undone, sample::at(1)).await?)?;
    equal(receive(&one, &undone).await?, undone.to_vec())?;
    let twice = [sample::event_id(), sample::event_id()];
    let found = commit!(given.store, tx => {
        let first = tx.deliveries().receive(one.id, &twice[..1], sample::at(1)).await?;
        (first, tx.deliveries().receive(one.id, &twice, sample::at(1)).await?)
    })?;
    equal(found, (twice[..1].to_vec(), twice[1..].to_vec()))
}

async fn racing_units_receive_an_event_once(given: &Given) -> Checked {
    for _ in 0..4 {
        let subscription: Subscription = put_sample(&*given.store).await?;
        let events: Vec<EventId> = (0..3).map(|_| sample::event_id()).collect();
        let start = Arc::new(tokio::sync::Barrier::new(5));
        let race = |_| {
            let (store, start, events) = (given.store.clone(), start.clone(), events.clone());
            tokio::spawn(async move {
                start.wait().await;
                commit!(store, tx => tx.deliveries().receive(subscription.id, &events, sample::at(1)).await?)
            })
        };
        let mut received = vec![];
        for task in (0..5).map(race).collect::<Vec<_>>() {
            received.extend(task.await??);
        }
        received.sort();
        equal(received, events)?;
    }
    Ok(())
}

async fn the_first_held_event_of_an_aggregate_comes_next(given: &Given) -> Checked {
    let (one, other): (Subscription, Subscription) =
        (put_sample(&*given.store).await?, put_sample(&*given.store).await?);
    let (aggregate, free) = (world::uuid(), world::uuid());
    let events = [held(one.id, aggregate, 9), held(one.id, aggregate, 7), held(other.id, aggregate, 3)];
    put(&*given.store, &events).await?;
    let next = async |subscription: &Subscription, aggregate| look!(given.store, tx => tx.deliveries().next_held(subscription.id, aggregate).await?);
    equal(next(&one, aggregate).await?, Some(events[1].clone()))?;
    equal(next(&other, aggregate).await?, Some(events[2].clone()))?;
    equal(next(&one, free).await?, None)?;
    let blocked = look!(given.store, tx => tx.deliveries().held_aggregates(one.id, &[free, aggregate]).await?)?;
    equal(blocked, vec![aggregate])?;
    equal(look!(given.store, tx => tx.deliveries().held_aggregates(one.id, &[free]).await?)?, vec![])?;
    commit!(given.store, tx => tx.deliveries().release_held(&events[1]).await?)?;
    equal(next(&one, aggregate).await?, Some(events[0].clone()))?;
    let mut tx = crate::units::write(&*given.store).await?;
    let again = HeldEvent { id: HeldEventId::new(world::uuid()), ..events[0].clone() };
    duplicate(tx.deliveries().hold(&[again]).await, HELD_EVENT)
}

async fn active_subscriptions_that_are_behind_are_listed(given: &Given) -> Checked {
    let replay = Some(Replay { until: at(99) });
    let mut all = [subscription(5, None)?, subscription(3, replay)?, subscription(9, None)?, subscription(1, None)?];
    all[3].break_off(sample::at(1));
    put(&*given.store, &all).await?;
    for (position, limit, expected) in [(9, 9, vec![1, 0]), (10, 9, vec![1, 0, 2]), (10, 1, vec![1]), (3, 9, vec![])] {
        let behind = look!(given.store, tx => tx.deliveries().list_behind(at(position), limit).await?)?;
        equal(behind, expected.into_iter().map(|place: usize| all[place].clone()).collect())?;
    }
    Ok(())
}

async fn replays_that_are_not_finished_are_counted(given: &Given) -> Checked {
    let replay = Some(Replay { until: at(3) });
    let mut all =
        [subscription(0, None)?, subscription(1, replay)?, subscription(3, replay)?, subscription(2, replay)?];
    holds(all[2].finish(false, sample::at(1)), "it has passed its end")?;
    all[3].break_off(sample::at(1));
    put(&*given.store, &all).await?;
    for (bound, expected) in [(9, 2), (1, 1)] {
        equal(look!(given.store, tx => tx.deliveries().count_replays(bound).await?)?, expected)?;
    }
    Ok(())
}

async fn a_deleted_subscription_holds_nothing_back(given: &Given) -> Checked {
    let (gone, other): (Subscription, Subscription) =
        (put_sample(&*given.store).await?, put_sample(&*given.store).await?);
    let aggregate = world::uuid();
    let mut events = [held(gone.id, aggregate, 1), held(gone.id, aggregate, 2), held(other.id, aggregate, 1)];
    events[2].event_id = events[0].event_id;
    put(&*given.store, &events).await?;
    commit!(given.store, tx => tx.deliveries().delete(&gone).await?)?;
    let left = look!(given.store, tx => {
        let mut left = vec![];
        for held in &events {
            left.push(tx.deliveries().find_held(held.id).await?.is_some());
        }
        left
    })?;
    equal(left, vec![false, false, true])
}

async fn received_events_are_forgotten_by_their_age(given: &Given) -> Checked {
    let subscription: Subscription = put_sample(&*given.store).await?;
    let events: Vec<EventId> = (0..6).map(|_| sample::event_id()).collect();
    for (time, event) in (0..).zip(&events) {
        let event = std::slice::from_ref(event);
        commit!(given.store, tx => tx.deliveries().receive(subscription.id, event, sample::at(time)).await?)?;
    }
    let mut swept = vec![];
    for (until, limit) in [(-1, 9), (3, 3), (3, 9), (3, 9)] {
        swept.push(commit!(given.store, tx => tx.deliveries().sweep_received(sample::at(until), limit).await?)?);
    }
    equal(swept, vec![0, 3, 1, 0])?;
    let new = look!(given.store, tx => tx.deliveries().receive(subscription.id, &events, sample::at(9)).await?)?;
    equal(new.len(), 4)
}

async fn finished_replays_are_deleted_by_their_age(given: &Given) -> Checked {
    let replay = Some(Replay { until: at(1) });
    let mut all = vec![subscription(1, None)?, subscription(1, replay)?];
    for time in 0..6 {
        let mut finished = subscription(1, replay)?;
        holds(finished.finish(false, sample::at(time)), "it has passed its end")?;
        all.push(finished);
    }
    all[0].break_off(sample::at(0));
    put(&*given.store, &all).await?;
    let mut swept = vec![];
    for (until, limit) in [(-1, 9), (3, 3), (3, 9), (3, 9)] {
        swept.push(commit!(given.store, tx => tx.deliveries().sweep_finished(sample::at(until), limit).await?)?);
    }
    equal(swept, vec![0, 3, 1, 0])?;
    let left = given.store.list_subscriptions(99).await?;
    let is_left = |one: &Subscription| left.iter().any(|other| other.id == one.id);
    equal(all.iter().map(is_left).collect(), vec![true, true, false, false, false, false, true, true])
}

async fn due_events_are_those_that_are_retryable(given: &Given) -> Checked {
    let (one, other): (Subscription, Subscription) =
        (put_sample(&*given.store).await?, put_sample(&*given.store).await?);
    let mut events = vec![retryable(one.id, 20), retryable(one.id, 10), retryable(one.id, 21), retryable(other.id, 1)];
    events.push(held(one.id, world::uuid(), 1));
    events.push(HeldEvent { state: HeldState::Parked, ..retryable(one.id, 1) });
    put(&*given.store, &events).await?;
    let due = async |now, limit| given.store.list_due(one.id, sample::at(now), limit).await;
    equal(due(20, 9).await?, vec![events[1].clone(), events[0].clone()])?;
    equal(due(20, 1).await?, vec![events[1].clone()])?;
    equal(due(9, 9).await?, vec![])
}

async fn held_events_are_counted_by_state(given: &Given) -> Checked {
    let subscription: Subscription = put_sample(&*given.store).await?;
    let mut events = vec![retryable(subscription.id, 1)];
    for position in 0..3 {
        events.push(held(subscription.id, world::uuid(), position));
    }
    put(&*given.store, &events).await?;
    let counts = |retryable, waiting| {
        vec![(HeldState::Retryable, retryable), (HeldState::Waiting, waiting), (HeldState::Parked, 0)]
    };
    equal(given.store.count_held_events(subscription.id, 9).await?, counts(1, 3))?;
    equal(given.store.count_held_events(subscription.id, 2).await?, counts(1, 2))?;
    for (bound, expected) in [(9, 4), (3, 3), (0, 0)] {
        let count = look!(given.store, tx => tx.deliveries().count_held(subscription.id, bound).await?)?;
        equal(count, expected)?;
    }
    Ok(())
}

async fn an_event_that_is_held_back_is_kept(given: &Given) -> Checked {
    let subscription: Subscription = put_sample(&*given.store).await?;
    let events = [event(world::uuid(), 1), event(world::uuid(), 1)];
    append(&*given.store, &events).await?;
    place_all(&given.store).await?;
    let held = HeldEvent { event_id: events[0].id, ..held(subscription.id, events[0].aggregate_id, 1) };
    put(&*given.store, std::slice::from_ref(&held)).await?;
    let sweep = async || {
        commit!(given.store, tx => {
            tx.log().lock().await?;
            tx.log().sweep(Timestamp::MAX, at(9), 9).await?
        })
    };
    equal(sweep().await?, 1)?;
    equal(given.store.find_placed(events[0].id).await?.is_some(), true)?;
    commit!(given.store, tx => tx.deliveries().release_held(&held).await?)?;
    equal(sweep().await?, 1)
}
