//! The ports of events and their subscribers.

#[cfg(any(test, feature = "testing"))]
use crate::jobs::MockJobRepository;
use crate::{
    jobs::JobRepository,
    kernel::{Guarded, OutboxEvent, Page, PageRequest, Position, Signaling, Sort, SortValue, StoreError, context},
};
use async_trait::async_trait;
use skep_domain::{
    access::Resource,
    events::{
        EventPosition, HeldEvent, HeldEventId, HeldState, SubscriberName, Subscription, SubscriptionId, UnplacedEvent,
    },
    shared::{EventId, Timestamp, Version, named},
};
use uuid::Uuid;

context! {
    /// The repositories that a command of events, and a subscriber that stores jobs, can use.
    unit EventsTx {
        /// The log of events.
        log: EventLog by MockEventLog,
        /// Subscriptions, what they have received, and what they hold back.
        deliveries: DeliveryRepository by MockDeliveryRepository,
        /// Jobs, which most subscribers store.
        jobs: JobRepository by MockJobRepository,
    }
    #[cfg(any(test, feature = "testing"))]
    mocks MockEventsTx of EventsMocks
    /// The ports of a store that read events and subscriptions.
    store EventsStore: EventQueries, DeliveryQueries, Signaling
}

/// Subscriptions belong to the operators, so the role alone decides.
impl Guarded for Subscription {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

impl Guarded for HeldEvent {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

/// Where the log begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnds {
    /// The greatest position of an event that was deleted. Every event after it is kept. Some before it may be, too:
    /// those that a subscription holds back.
    pub swept: EventPosition,
    /// The position of the last event, also if it is no longer kept.
    pub last: EventPosition,
}

/// How many of the events that were made at or after a time are read to find the first position among them. It bounds the
/// read. One event of a clock that is behind by days must not decide alone.
pub const EARLIEST: u32 = 100;

/// The log of events, inside a unit of work. It has the events of the [`Outbox`](crate::kernel::Outbox), each with its
/// position.
///
/// 1. From `lock` to the end of the unit, no other unit places events: the other unit waits at its `lock`, or one of the
///    two ends with `Retry`.
/// 2. Every event that a unit has appended and committed is unplaced, until `place` gives it a position.
/// 3. If `list_unplaced` returns an event, it also returns all unplaced events of the same aggregate with lower versions.
///    Apart from those, it returns at most `limit` events, those with the lowest ids.
/// 4. `place` gives each event its position, and the last of them is the new last position.
/// 5. `last_before` returns the position before the first one, in the order of positions, among the [`EARLIEST`] events with
///    the lowest ids that were made at or after `time`. If there is no such event, it returns the last position. So an
///    event that a clock in the past has made, after events that are younger, does not count as the end of the old ones.
/// 6. `sweep` deletes only events that occurred at or before `until`, whose position is at most `passed`, and that no
///    subscription holds back. Events without a position stay. The ends tell the greatest position that was deleted.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait EventLog: Send {
    /// Locks the log and returns its ends.
    async fn lock(&mut self) -> Result<LogEnds, StoreError>;
    /// The events that have no position yet.
    async fn list_unplaced(&mut self, limit: u32) -> Result<Vec<UnplacedEvent>, StoreError>;
    /// Stores the positions of events. The log is locked, and the positions follow the last one without gaps.
    /// `Duplicate` of `EVENT_POSITION` or `POSITION_OF_EVENT`.
    async fn place(&mut self, events: &[(EventId, EventPosition)]) -> Result<(), StoreError>;
    /// The position before which every event is older than `time`, by the times in the ids.
    async fn last_before(&mut self, time: Timestamp) -> Result<EventPosition, StoreError>;
    /// Deletes at most `limit` events, and returns how many.
    async fn sweep(&mut self, until: Timestamp, passed: EventPosition, limit: u32) -> Result<u64, StoreError>;
}

/// Subscriptions, what they have received, and what they hold back, inside a unit of work.
///
/// 1. Between `find`, `find_live` or `find_held` and the end of the unit, no other unit saves the returned entity. The
///    other unit waits, or one of the two ends with `Stale` or `Retry`.
/// 2. `receive` notes that a subscription has received these events, and returns those that it had not received before.
///    If two units receive the same event at once, at most one of them gets it and commits; the other one waits and
///    does not get it, or ends with `Retry`.
/// 3. `next_held` returns the event of this aggregate that the subscription holds back with the lowest position.
/// 4. `list_behind` returns active subscriptions only, those that are furthest behind first.
/// 5. `sweep_received` forgets only events that were received at or before `until`.
/// 6. `sweep_finished` deletes only replays that were finished at or before `until`.
/// 7. `delete` also deletes the events that the subscription holds back, and those of no other one.
/// 8. `count_replays` counts the replays that are not finished, also those that were broken off, up to `bound`.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait DeliveryRepository: Send {
    /// The subscription with this id.
    async fn find(&mut self, id: SubscriptionId) -> Result<Option<Subscription>, StoreError>;
    /// The subscription of this subscriber that follows the log.
    async fn find_live(&mut self, subscriber: &SubscriberName) -> Result<Option<Subscription>, StoreError>;
    /// Stores a new subscription. `Duplicate` of `SUBSCRIPTION_ID` or `SUBSCRIPTION_SUBSCRIBER`.
    async fn insert(&mut self, subscription: &Subscription) -> Result<(), StoreError>;
    /// Replaces the version that was read, and returns the new version. `Stale`.
    async fn save(&mut self, subscription: &Subscription) -> Result<Version, StoreError>;
    /// Deletes the version that was read, with the events that it holds back. `Stale`.
    async fn delete(&mut self, subscription: &Subscription) -> Result<(), StoreError>;
    /// The number of replays that are not finished, up to `bound`.
    async fn count_replays(&mut self, bound: u32) -> Result<u64, StoreError>;
    /// Notes that these events are received, and returns those that are new to the subscription.
    async fn receive(
        &mut self,
        subscription: SubscriptionId,
        events: &[EventId],
        now: Timestamp,
    ) -> Result<Vec<EventId>, StoreError>;
    /// Those of these aggregates that have an event which the subscription holds back.
    async fn held_aggregates(
        &mut self,
        subscription: SubscriptionId,
        aggregates: &[Uuid],
    ) -> Result<Vec<Uuid>, StoreError>;
    /// Stores events that are held back. `Duplicate` of `HELD_EVENT_ID` or `HELD_EVENT`.
    async fn hold(&mut self, events: &[HeldEvent]) -> Result<(), StoreError>;
    /// The event with this id that is held back.
    async fn find_held(&mut self, id: HeldEventId) -> Result<Option<HeldEvent>, StoreError>;
    /// Replaces the version that was read, and returns the new version. `Stale`.
    async fn save_held(&mut self, event: &HeldEvent) -> Result<Version, StoreError>;
    /// No longer holds back the version that was read. `Stale`.
    async fn release_held(&mut self, event: &HeldEvent) -> Result<(), StoreError>;
    /// The first event of this aggregate that the subscription holds back.
    async fn next_held(
        &mut self,
        subscription: SubscriptionId,
        aggregate: Uuid,
    ) -> Result<Option<HeldEvent>, StoreError>;
    /// The number of events that the subscription holds back, up to `bound`.
    async fn count_held(&mut self, subscription: SubscriptionId, bound: u32) -> Result<u64, StoreError>;
    /// At most `limit` active subscriptions whose position is below this one.
    async fn list_behind(&mut self, position: EventPosition, limit: u32) -> Result<Vec<Subscription>, StoreError>;
    /// Forgets at most `limit` received events, and returns how many.
    async fn sweep_received(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError>;
    /// Deletes at most `limit` finished replays, and returns how many.
    async fn sweep_finished(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// An event with its position in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedEvent {
    /// Its place among all events.
    pub position: EventPosition,
    /// What the outbox has of it.
    pub event: OutboxEvent,
}

/// Reads the log of events outside a unit of work.
///
/// 1. `list_placed` returns the events after a position without gaps, in the order of their positions. An event that is
///    committed later gets a higher position than all that were returned before.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait EventQueries: Send + Sync {
    /// At most `limit` events after this position.
    async fn list_placed(&self, after: EventPosition, limit: u32) -> Result<Vec<PlacedEvent>, StoreError>;
    /// The event with this id, if it has a position.
    async fn find_placed(&self, id: EventId) -> Result<Option<PlacedEvent>, StoreError>;
    /// Where the log begins and ends now.
    async fn log_ends(&self) -> Result<LogEnds, StoreError>;
    /// The number of events without a position, up to `bound`.
    async fn count_unplaced(&self, bound: u32) -> Result<u64, StoreError>;
}

named! {
    /// The keys that events which are held back can be sorted by. Clients pass the name.
    HeldSortKey {
        /// The time at which they were held back first.
        HeldAt = "held_at",
    }
}

/// The sort key and direction of a list of events that are held back.
pub type HeldSort = Sort<HeldSortKey>;

impl HeldSortKey {
    /// The place of an event in a list that is sorted by this key.
    #[must_use]
    pub fn position(self, held: &HeldEvent) -> Position {
        match self {
            Self::HeldAt => Position { key: SortValue::Time(held.held_at), id: held.id.uuid() },
        }
    }
}

/// Reads subscriptions, and what they hold back, outside a unit of work.
///
/// 1. `list_due` returns the retryable events of the subscription whose `ready_at` is `now` or before, in the order of
///    `ready_at`. Its cost does not depend on the events that wait or are parked.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait DeliveryQueries: Send + Sync {
    /// At most `limit` subscriptions: those that follow the log, and then replays, each newest first.
    async fn list_subscriptions(&self, limit: u32) -> Result<Vec<Subscription>, StoreError>;
    /// The subscription with this id.
    async fn find_subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>, StoreError>;
    /// At most `limit` events that the subscription is to try again.
    async fn list_due(
        &self,
        subscription: SubscriptionId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<HeldEvent>, StoreError>;
    /// A page of the events in this state that any subscription holds back. It is empty if the key of the position has
    /// another type than the sort key.
    async fn list_held_events(
        &self,
        state: HeldState,
        sort: HeldSort,
        page: &PageRequest,
    ) -> Result<Page<HeldEvent>, StoreError>;
    /// The event with this id that is held back.
    async fn find_held_event(&self, id: HeldEventId) -> Result<Option<HeldEvent>, StoreError>;
    /// The numbers of events that the subscription holds back, by state, each up to `bound`.
    async fn count_held_events(
        &self,
        subscription: SubscriptionId,
        bound: u32,
    ) -> Result<Vec<(HeldState, u64)>, StoreError>;
}
