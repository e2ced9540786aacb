//! The log of events, and subscriptions.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules, State, page};
use async_trait::async_trait;
use skep_application::{
    events::{
        DeliveryQueries, DeliveryRepository, EARLIEST, EventLog, EventQueries, HeldSort, LogEnds, PlacedEvent,
        constraints::{
            EVENT_POSITION, HELD_EVENT, HELD_EVENT_ID, POSITION_OF_EVENT, SUBSCRIPTION_ID, SUBSCRIPTION_SUBSCRIBER,
        },
    },
    kernel::{OutboxEvent, Page, PageRequest, StoreError},
};
use skep_domain::{
    events::{
        EventPosition, HeldEvent, HeldEventId, HeldState, SubscriberName, Subscription, SubscriptionId,
        SubscriptionState, UnplacedEvent,
    },
    shared::{EventId, Timestamp, Version},
};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};
use uuid::Uuid;

impl Row for Subscription {
    type Key = SubscriptionId;
    const RULES: Rules<Self> = Rules {
        unique: &[(SUBSCRIPTION_SUBSCRIBER, |one, other| {
            one.replay.is_none() && other.replay.is_none() && one.subscriber == other.subscriber
        })],
        saved: |row, stored| Self {
            subscriber: stored.subscriber.clone(),
            replay: stored.replay,
            created_at: stored.created_at,
            ..row.clone()
        },
        ..Rules::of(SUBSCRIPTION_ID, |subscription| subscription.id, |subscription| &mut subscription.version)
    };
}

impl Row for HeldEvent {
    type Key = HeldEventId;
    const RULES: Rules<Self> = Rules {
        unique: &[(HELD_EVENT, |one, other| {
            (one.subscription_id, one.event_id) == (other.subscription_id, other.event_id)
        })],
        saved: |row, stored| Self {
            state: row.state,
            attempt: row.attempt,
            ready_at: row.ready_at,
            message: row.message.clone(),
            ..stored.clone()
        },
        ..Rules::of(HELD_EVENT_ID, |held| held.id, |held| &mut held.version)
    };
}

/// The events in the order of their positions.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// The position of each event.
    pub positions: BTreeMap<EventId, EventPosition>,
    /// The event at each position.
    pub events: BTreeMap<EventPosition, EventId>,
    /// The ends; `None` before the first event has a position.
    pub ends: Option<LogEnds>,
}

impl Log {
    fn ends(&self) -> LogEnds {
        self.ends.unwrap_or(LogEnds { swept: EventPosition::START, last: EventPosition::START })
    }
}

fn unplaced(state: &State) -> impl Iterator<Item = &OutboxEvent> {
    state.events.values().filter(|event| !state.log.positions.contains_key(&event.id))
}

fn placed(state: &State, position: EventPosition, id: EventId) -> Option<PlacedEvent> {
    state.events.get(&id).map(|event| PlacedEvent { position, event: event.clone() })
}

#[async_trait]
impl EventLog for MemoryUnit {
    async fn lock(&mut self) -> Done<LogEnds> {
        self.run(|state| Ok(state.log.ends())).await
    }
    async fn list_unplaced(&mut self, limit: u32) -> Done<Vec<UnplacedEvent>> {
        self.run(|state| {
            let first: Vec<_> = unplaced(state).take(limit as usize).collect();
            let mut greatest = BTreeMap::new();
            for event in &first {
                let version = greatest.entry(event.aggregate_id).or_insert(event.aggregate_version);
                *version = event.aggregate_version.max(*version);
            }
            let chosen: BTreeSet<_> = first.iter().map(|event| event.id).collect();
            let belongs = |event: &&OutboxEvent| {
                let earlier =
                    greatest.get(&event.aggregate_id).is_some_and(|version| event.aggregate_version < *version);
                earlier || chosen.contains(&event.id)
            };
            let unplaced = unplaced(state).filter(belongs).map(|event| UnplacedEvent {
                id: event.id,
                aggregate_id: event.aggregate_id,
                aggregate_version: event.aggregate_version,
            });
            Ok(unplaced.collect())
        })
        .await
    }
    async fn place(&mut self, events: &[(EventId, EventPosition)]) -> Done<()> {
        self.run(|state| {
            for (id, position) in events {
                if state.log.events.contains_key(position) {
                    return Err(StoreError::Duplicate { constraint: EVENT_POSITION });
                }
                if state.log.positions.contains_key(id) {
                    return Err(StoreError::Duplicate { constraint: POSITION_OF_EVENT });
                }
                state.log.events.insert(*position, *id);
                state.log.positions.insert(*id, *position);
                let ends = state.log.ends();
                state.log.ends = Some(LogEnds { last: ends.last.max(*position), ..ends });
            }
            Ok(())
        })
        .await
    }
    async fn last_before(&mut self, time: Timestamp) -> Done<EventPosition> {
        self.run(|state| {
            let younger = state.log.positions.range(EventId::first_at(time)..).take(EARLIEST as usize);
            let first = younger.map(|(_, position)| *position).min();
            let before = first.and_then(|first| EventPosition::new(first.get() - 1));
            Ok(before.unwrap_or_else(|| state.log.ends().last))
        })
        .await
    }
    async fn sweep(&mut self, until: Timestamp, passed: EventPosition, limit: u32) -> Done<u64> {
        self.run(|state| {
            let held: BTreeSet<_> = state.held_events.rows().map(|held| held.event_id).collect();
            let is_old = |(_, id): &(&EventPosition, &EventId)| {
                state.events.get(id).is_none_or(|event| event.occurred_at <= until) && !held.contains(id)
            };
            let old = state.log.events.range(..=passed).filter(is_old).take(limit as usize);
            let old: Vec<_> = old.map(|(position, id)| (*position, *id)).collect();
            for (position, id) in &old {
                state.log.events.remove(position);
                state.log.positions.remove(id);
                state.events.remove(id);
                let ends = state.log.ends();
                state.log.ends = Some(LogEnds { swept: ends.swept.max(*position), ..ends });
            }
            Ok(old.len() as u64)
        })
        .await
    }
}

#[async_trait]
impl DeliveryRepository for MemoryUnit {
    async fn find(&mut self, id: SubscriptionId) -> Done<Option<Subscription>> {
        self.run(|state| Ok(state.subscriptions.get(id).cloned())).await
    }
    async fn find_live(&mut self, subscriber: &SubscriberName) -> Done<Option<Subscription>> {
        let is_live = |one: &&Subscription| one.replay.is_none() && one.subscriber == *subscriber;
        self.run(|state| Ok(state.subscriptions.rows().find(is_live).cloned())).await
    }
    async fn insert(&mut self, subscription: &Subscription) -> Done<()> {
        self.run(|state| state.subscriptions.insert(subscription)).await
    }
    async fn save(&mut self, subscription: &Subscription) -> Done<Version> {
        self.run(|state| state.subscriptions.save(subscription)).await
    }
    async fn delete(&mut self, subscription: &Subscription) -> Done<()> {
        self.run(|state| {
            state.subscriptions.delete(subscription)?;
            let is_held = |held: &&HeldEvent| held.subscription_id == subscription.id;
            let held: Vec<_> = state.held_events.rows().filter(is_held).cloned().collect();
            held.iter().try_for_each(|held| state.held_events.delete(held))
        })
        .await
    }
    async fn count_replays(&mut self, bound: u32) -> Done<u64> {
        self.run(|state| {
            let unfinished = |one: &&Subscription| one.replay.is_some() && one.state != SubscriptionState::Finished;
            Ok(state.subscriptions.rows().filter(unfinished).take(bound as usize).count() as u64)
        })
        .await
    }
    async fn receive(
        &mut self,
        subscription: SubscriptionId,
        events: &[EventId],
        now: Timestamp,
    ) -> Done<Vec<EventId>> {
        self.run(|state| {
            let mut new = vec![];
            for event in events {
                if let Entry::Vacant(vacant) = state.received.entry((subscription, *event)) {
                    vacant.insert(now);
                    new.push(*event);
                }
            }
            Ok(new)
        })
        .await
    }
    async fn held_aggregates(&mut self, subscription: SubscriptionId, aggregates: &[Uuid]) -> Done<Vec<Uuid>> {
        self.run(|state| {
            let held = state.held_events.rows().filter(|held| held.subscription_id == subscription);
            let held: BTreeSet<_> = held.map(|held| held.aggregate_id).collect();
            Ok(aggregates.iter().copied().filter(|aggregate| held.contains(aggregate)).collect())
        })
        .await
    }
    async fn hold(&mut self, events: &[HeldEvent]) -> Done<()> {
        self.run(|state| events.iter().try_for_each(|held| state.held_events.insert(held))).await
    }
    async fn find_held(&mut self, id: HeldEventId) -> Done<Option<HeldEvent>> {
        self.run(|state| Ok(state.held_events.get(id).cloned())).await
    }
    async fn save_held(&mut self, event: &HeldEvent) -> Done<Version> {
        self.run(|state| state.held_events.save(event)).await
    }
    async fn release_held(&mut self, event: &HeldEvent) -> Done<()> {
        self.run(|state| state.held_events.delete(event)).await
    }
    async fn next_held(&mut self, subscription: SubscriptionId, aggregate: Uuid) -> Done<Option<HeldEvent>> {
        self.run(|state| {
            let of_one = |held: &&HeldEvent| (held.subscription_id, held.aggregate_id) == (subscription, aggregate);
            Ok(state.held_events.rows().filter(of_one).min_by_key(|held| held.position).cloned())
        })
        .await
    }
    async fn count_held(&mut self, subscription: SubscriptionId, bound: u32) -> Done<u64> {
        self.run(|state| {
            let held = state.held_events.rows().filter(|held| held.subscription_id == subscription);
            Ok(held.take(bound as usize).count() as u64)
        })
        .await
    }
    async fn list_behind(&mut self, position: EventPosition, limit: u32) -> Done<Vec<Subscription>> {
        self.run(|state| {
            let is_behind = |one: &&Subscription| one.state == SubscriptionState::Active && one.position < position;
            let mut behind: Vec<_> = state.subscriptions.rows().filter(is_behind).cloned().collect();
            behind.sort_by_key(|subscription| (subscription.position, subscription.id));
            behind.truncate(limit as usize);
            Ok(behind)
        })
        .await
    }
    async fn sweep_finished(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        self.run(|state| {
            let is_old = |one: &&Subscription| one.state == SubscriptionState::Finished && one.updated_at <= until;
            let old: Vec<_> = state.subscriptions.rows().filter(is_old).take(limit as usize).cloned().collect();
            old.iter().try_for_each(|replay| state.subscriptions.delete(replay))?;
            Ok(old.len() as u64)
        })
        .await
    }
    async fn sweep_received(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        self.run(|state| {
            let old = state.received.iter().filter(|(_, received_at)| **received_at <= until);
            let old: BTreeSet<_> = old.map(|(key, _)| *key).take(limit as usize).collect();
            state.received.retain(|key, _| !old.contains(key));
            Ok(old.len() as u64)
        })
        .await
    }
}

#[async_trait]
impl EventQueries for MemoryStore {
    async fn list_placed(&self, after: EventPosition, limit: u32) -> Done<Vec<PlacedEvent>> {
        let state = self.state();
        let later = state.log.events.range(after.next()..).take(limit as usize);
        Ok(later.filter_map(|(position, id)| placed(&state, *position, *id)).collect())
    }
    async fn find_placed(&self, id: EventId) -> Done<Option<PlacedEvent>> {
        let state = self.state();
        Ok(state.log.positions.get(&id).and_then(|position| placed(&state, *position, id)))
    }
    async fn log_ends(&self) -> Done<LogEnds> {
        Ok(self.state().log.ends())
    }
    async fn count_unplaced(&self, bound: u32) -> Done<u64> {
        Ok(unplaced(&self.state()).take(bound as usize).count() as u64)
    }
}

#[async_trait]
impl DeliveryQueries for MemoryStore {
    async fn list_subscriptions(&self, limit: u32) -> Done<Vec<Subscription>> {
        let mut all: Vec<_> = self.state().subscriptions.rows().cloned().collect();
        all.sort_by_key(|one| (one.replay.is_some(), std::cmp::Reverse((one.created_at, one.id))));
        all.truncate(limit as usize);
        Ok(all)
    }
    async fn find_subscription(&self, id: SubscriptionId) -> Done<Option<Subscription>> {
        Ok(self.state().subscriptions.get(id).cloned())
    }
    async fn list_due(&self, subscription: SubscriptionId, now: Timestamp, limit: u32) -> Done<Vec<HeldEvent>> {
        let state = self.state();
        let is_due = |held: &&HeldEvent| {
            held.subscription_id == subscription && held.state == HeldState::Retryable && held.ready_at <= now
        };
        let mut due: Vec<_> = state.held_events.rows().filter(is_due).cloned().collect();
        due.sort_by_key(|held| (held.ready_at, held.id));
        due.truncate(limit as usize);
        Ok(due)
    }
    async fn list_held_events(
        &self,
        wanted: HeldState,
        sort: HeldSort,
        request: &PageRequest,
    ) -> Done<Page<HeldEvent>> {
        let state = self.state();
        let rows = state.held_events.rows().filter(|held| held.state == wanted).cloned();
        Ok(page(rows, |held| sort.key.position(held), sort.direction, request, usize::MAX, |_| 0))
    }
    async fn find_held_event(&self, id: HeldEventId) -> Done<Option<HeldEvent>> {
        Ok(self.state().held_events.get(id).cloned())
    }
    async fn count_held_events(&self, subscription: SubscriptionId, bound: u32) -> Done<Vec<(HeldState, u64)>> {
        let state = self.state();
        let count = |wanted: HeldState| {
            let held = state.held_events.rows();
            let held = held.filter(|held| held.subscription_id == subscription && held.state == wanted);
            held.take(bound as usize).count() as u64
        };
        Ok(HeldState::ALL.iter().map(|state| (*state, count(*state))).collect())
    }
}
