//! Reading events, subscriptions, and what they hold back.

use super::{DeliveryQueries, EventQueries, HeldSort, LogEnds, PlacedEvent};
use crate::kernel::{Actor, Clock, GetError, ListError, LongList, NotFound, Page, PageRequest, Reader};
use skep_domain::{
    events::{EventPosition, HeldEvent, HeldEventId, HeldState, Subscription, SubscriptionId, actions},
    shared::{EventId, PageLimit},
};
use std::sync::Arc;

/// Events after a position, with the ends of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsView {
    /// The events, in the order of their positions.
    pub events: Vec<PlacedEvent>,
    /// The last position, read before the events, and the greatest one that was deleted, read after them.
    pub ends: LogEnds,
}

/// Returns events of the log.
pub struct ReadEvents(Reader<dyn EventQueries>);

impl ReadEvents {
    /// Reads from this store.
    #[must_use]
    pub fn new(log: Arc<dyn EventQueries>) -> Self {
        Self(Reader::new(actions::READ_EVENT, log))
    }

    /// Reads the events after this position.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn after(
        &self,
        actor: &Actor,
        position: EventPosition,
        limit: PageLimit,
    ) -> Result<EventsView, ListError> {
        let log = self.0.open(actor)?;
        let last = log.log_ends().await?.last;
        let limit = u32::try_from(limit.get()).unwrap_or(u32::MAX);
        let events = log.list_placed(position, limit).await?;
        // After the list, so that no deleted event goes unnoticed.
        let swept = log.log_ends().await?.swept;
        Ok(EventsView { events, ends: LogEnds { swept, last } })
    }

    /// Reads the event with this id.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn get(&self, actor: &Actor, id: EventId) -> Result<PlacedEvent, GetError> {
        Ok(self.0.open(actor)?.find_placed(id).await?.ok_or(NotFound("event"))?)
    }
}

/// A subscription with its distance from the end of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionView {
    /// Its state and its position.
    pub subscription: Subscription,
    /// The number of events that it has not passed.
    pub lag: u64,
    /// The numbers of events that it holds back, each up to [`ListSubscriptions::COUNT_MAX`].
    pub held: Vec<(HeldState, u64)>,
}

/// Returns the subscriptions.
pub struct ListSubscriptions {
    log: Arc<dyn EventQueries>,
    deliveries: Reader<dyn DeliveryQueries>,
}

impl ListSubscriptions {
    /// Up to which number held events are counted.
    pub const COUNT_MAX: u32 = 10_000;
    /// The greatest number of subscriptions that are returned.
    pub const MOST: u32 = 100;

    /// Reads from this store.
    #[must_use]
    pub fn new(log: Arc<dyn EventQueries>, deliveries: Arc<dyn DeliveryQueries>) -> Self {
        Self { log, deliveries: Reader::new(actions::READ_EVENT, deliveries) }
    }

    /// Reads the subscriptions that follow the log, and then replays, each newest first.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(&self, actor: &Actor) -> Result<Vec<SubscriptionView>, ListError> {
        let deliveries = self.deliveries.open(actor)?;
        let last = self.log.log_ends().await?.last;
        let mut views = vec![];
        for subscription in deliveries.list_subscriptions(Self::MOST).await? {
            let held = deliveries.count_held_events(subscription.id, Self::COUNT_MAX).await?;
            let end = subscription.replay.map_or(last, |replay| replay.until);
            let lag = end.since(subscription.position);
            views.push(SubscriptionView { subscription, lag, held });
        }
        Ok(views)
    }

    /// Reads the subscription with this id.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn get(&self, actor: &Actor, id: SubscriptionId) -> Result<Subscription, GetError> {
        Ok(self.deliveries.open(actor)?.find_subscription(id).await?.ok_or(NotFound("subscription"))?)
    }
}

/// Returns the events that are held back.
pub struct ListHeldEvents {
    deliveries: Reader<dyn DeliveryQueries>,
    /// The length of the list of one state says nothing about that of another.
    lengths: [LongList; HeldState::ALL.len()],
}

impl ListHeldEvents {
    /// Reads from this store. The clock decides how long a list counts as a long one.
    #[must_use]
    pub fn new(deliveries: Arc<dyn DeliveryQueries>, clock: Arc<dyn Clock>) -> Self {
        let lengths = std::array::from_fn(|_| LongList::new(clock.clone()));
        Self { deliveries: Reader::new(actions::READ_EVENT, deliveries), lengths }
    }

    /// Reads a page of the events in this state.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        state: HeldState,
        sort: HeldSort,
        page: &PageRequest,
    ) -> Result<Page<HeldEvent>, ListError> {
        let (deliveries, length) = (self.deliveries.open(actor)?, &self.lengths[state as usize]);
        let asked = length.ask(page);
        Ok(length.complete(page, &asked, deliveries.list_held_events(state, sort, &asked).await?))
    }

    /// Reads the entry with this id.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn get(&self, actor: &Actor, id: HeldEventId) -> Result<HeldEvent, GetError> {
        Ok(self.deliveries.open(actor)?.find_held_event(id).await?.ok_or(NotFound("held event"))?)
    }
}
