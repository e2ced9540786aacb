//! Reading events, subscriptions, and what they hold back.

use super::{EventsStore, HeldSort, LogEnds, PlacedEvent, SUBSCRIPTIONS_MAX};
use crate::kernel::{Actor, Clock, GetError, ListError, LongList, NotFound, Page, PageRequest, Reader};
use skep_domain::{
    events::{EventPosition, HeldEvent, HeldEventId, HeldState, Subscription, actions},
    shared::EventId,
};
use std::sync::Arc;

/// Events after a position, with the ends of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsView {
    /// The events, in the order of their positions.
    pub events: Vec<PlacedEvent>,
    /// The ends of the log, read before the events.
    pub ends: LogEnds,
}

/// Returns events of the log.
pub struct ReadEvents(Reader<dyn EventsStore>);

impl ReadEvents {
    /// The greatest number of events that are returned at a time.
    pub const MOST: u32 = 100;

    /// Reads from this store.
    #[must_use]
    pub fn new(store: Arc<dyn EventsStore>) -> Self {
        Self(Reader::new(actions::READ_EVENT, store))
    }

    /// Reads at most `limit` events after this position, and at most [`ReadEvents::MOST`].
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn after(&self, actor: &Actor, position: EventPosition, limit: u32) -> Result<EventsView, ListError> {
        let log = self.0.open(actor)?;
        let ends = log.log_ends().await?;
        Ok(EventsView { events: log.list_placed(position, limit.min(Self::MOST)).await?, ends })
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
    /// The subscription.
    pub subscription: Subscription,
    /// The number of events that it has not passed.
    pub lag: u64,
    /// The numbers of events that it holds back, each up to [`ListSubscriptions::COUNT_MAX`].
    pub held: Vec<(HeldState, u64)>,
}

/// Returns the subscriptions.
pub struct ListSubscriptions(Reader<dyn EventsStore>);

impl ListSubscriptions {
    /// Up to which number held events are counted.
    pub const COUNT_MAX: u32 = 10_000;
    /// The greatest number of subscriptions that are returned.
    pub const MOST: usize = 100;

    /// Reads from this store.
    #[must_use]
    pub fn new(store: Arc<dyn EventsStore>) -> Self {
        Self(Reader::new(actions::READ_EVENT, store))
    }

    /// Reads the subscriptions, replays included, newest first.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(&self, actor: &Actor) -> Result<Vec<SubscriptionView>, ListError> {
        let store = self.0.open(actor)?;
        let last = store.log_ends().await?.last;
        let mut views = vec![];
        for subscription in store.list_subscriptions(SUBSCRIPTIONS_MAX).await?.into_iter().take(Self::MOST) {
            let held = store.count_held_events(subscription.id, Self::COUNT_MAX).await?;
            let end = subscription.replay.map_or(last, |replay| replay.until);
            let lag = end.since(subscription.position);
            views.push(SubscriptionView { subscription, lag, held });
        }
        Ok(views)
    }
}

/// Returns the events that are held back.
pub struct ListHeldEvents {
    store: Reader<dyn EventsStore>,
    length: LongList,
}

impl ListHeldEvents {
    /// Reads from this store. The clock decides how long the list counts as a long one.
    #[must_use]
    pub fn new(store: Arc<dyn EventsStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store: Reader::new(actions::READ_EVENT, store), length: LongList::new(clock) }
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
        let store = self.store.open(actor)?;
        let asked = self.length.ask(page);
        Ok(self.length.complete(page, &asked, store.list_held_events(state, sort, &asked).await?))
    }

    /// Reads the entry with this id.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn get(&self, actor: &Actor, id: HeldEventId) -> Result<HeldEvent, GetError> {
        Ok(self.store.open(actor)?.find_held_event(id).await?.ok_or(NotFound("held event"))?)
    }
}
