//! What handles events.

use super::{DeliveryRepository, PlacedEvent};
use crate::kernel::{
    Actor, AppError, Attempt, Begin, BoxError, ErrorKind, Runtime, StoreError, TxMode, UnitOfWork, run,
};
use async_trait::async_trait;
use skep_domain::{
    events::{HeldEvent, HeldEventId, HeldState, OnFailure, SubscriberName, SubscriptionId},
    jobs::Backoff,
    shared::{LeaseToken, Timestamp},
};
use std::{collections::BTreeSet, future::Future, ops::Range, sync::Arc};

/// The greatest number of events that a subscription holds back. With as many, it stops until an operator retries or skips
/// some.
pub const HELD_MAX: u32 = 10_000;

/// Handles the events of some kinds. A program registers its subscribers with a [`Subscribers`].
///
/// The effect of a handler, in the unit of work that it gets, happens once for each event (E3): the unit also notes that
/// the event is received, and moves the position of the subscription. For an effect outside of the store, the handler stores
/// a job.
pub trait EventHandler: Send + Sync + 'static {
    /// The name of the subscriber; see [`SubscriberName`]. It must not change: another name is another subscriber, which
    /// begins at the end of the log.
    const NAME: &'static str;
    /// The wire names of the events that it gets.
    const EVENTS: &'static [&'static str];
    /// What happens to the later events of an aggregate while one of them fails.
    const ON_FAILURE: OnFailure = OnFailure::BlockAggregate;
    /// The unit of work that it changes things with.
    type Unit: UnitOfWork + ?Sized + 'static;

    /// Handles an event.
    ///
    /// # Errors
    /// The event is held back and tried again. Everything that was changed is undone. An error of the store by which it
    /// breaks a rule or cannot be read counts as one of the event; after any other, the delivery is tried again.
    fn handle(
        &self,
        unit: &mut Self::Unit,
        event: &PlacedEvent,
        call: &Handling<'_>,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

/// What a handler may need besides the event.
pub struct Handling<'a> {
    /// Skep itself, with the request id and the trace of the event.
    pub actor: Actor,
    /// The time of the delivery.
    pub now: Timestamp,
    /// Time, identifiers and randomness.
    pub runtime: &'a Runtime,
}

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The event cannot be handled now.
    #[error("{0}")]
    Failed(BoxError),
    /// The store's error.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HandlerError {
    /// The event cannot be handled now.
    pub fn failed(reason: impl Into<BoxError>) -> Self {
        Self::Failed(reason.into())
    }
}

/// Why events were not delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The handler refused the event at this place of the list. The events before it are not delivered either.
    #[error("the event at place {place} was not handled: {message}")]
    Failed {
        /// The place of the event in the list, from 0.
        place: usize,
        /// Why.
        message: String,
    },
    /// Another process delivers to the subscription.
    #[error("another process delivers to the subscription")]
    Fenced,
    /// The subscription holds back so many events that no more are delivered.
    #[error("the subscription holds back {HELD_MAX} events or more")]
    Stalled,
    /// The store's error.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The code of the errors that only workers see.
const NOT_DELIVERED: &str = "not_delivered";

impl AppError for DeliveryError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Failed { .. } | Self::Fenced | Self::Stalled => ErrorKind::Conflict,
            Self::Store(error) => error.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Failed { .. } | Self::Fenced | Self::Stalled => NOT_DELIVERED,
            Self::Store(error) => error.code(),
        }
    }
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Failed { .. } | Self::Fenced | Self::Stalled => None,
        }
    }
}

/// A subscription that this process has claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedSubscription {
    /// The subscription.
    pub id: SubscriptionId,
    /// The claim of this process.
    pub token: LeaseToken,
}

/// A registered subscriber.
#[async_trait]
pub trait Subscriber: Send + Sync {
    /// What tells it from other subscribers.
    fn name(&self) -> SubscriberName;

    /// Delivers these events, which follow the position of the subscription in the log, in one unit of work.
    ///
    /// # Errors
    /// [`DeliveryError`]. Nothing was changed, unless the error is the store's `OutcomeUnknown`.
    async fn deliver(&self, claimed: ClaimedSubscription, events: &[PlacedEvent]) -> Result<(), DeliveryError>;

    /// Holds back the next event of the subscription, because its delivery failed.
    ///
    /// # Errors
    /// [`DeliveryError`].
    async fn hold(&self, claimed: ClaimedSubscription, event: &PlacedEvent, message: &str)
    -> Result<(), DeliveryError>;

    /// Delivers an event that is held back, and lets the next one of its aggregate be tried.
    ///
    /// # Errors
    /// [`DeliveryError`].
    async fn deliver_held(
        &self,
        claimed: ClaimedSubscription,
        held: HeldEventId,
        event: &PlacedEvent,
    ) -> Result<(), DeliveryError>;

    /// Notes that an event that is held back failed again. Does nothing if another attempt was noted since `held` was read,
    /// so an attempt counts once, also after an unknown outcome.
    ///
    /// # Errors
    /// [`DeliveryError`].
    async fn fail_held(
        &self,
        claimed: ClaimedSubscription,
        held: &HeldEvent,
        message: &str,
    ) -> Result<(), DeliveryError>;
}

/// The subscribers of a program.
#[derive(Clone, Default)]
pub struct Subscribers(Vec<Arc<dyn Subscriber>>);

impl Subscribers {
    /// Adds a subscriber. `store` opens its units of work, and `deliveries` returns the part of a unit that keeps the
    /// subscriptions, usually `|unit| unit.deliveries()`.
    #[must_use]
    pub fn with<H: EventHandler>(
        mut self,
        handler: H,
        store: Arc<dyn Begin<H::Unit>>,
        runtime: Runtime,
        deliveries: for<'a> fn(&'a mut H::Unit) -> &'a mut dyn DeliveryRepository,
    ) -> Self {
        self.0.push(Arc::new(Registered { handler, store, runtime, deliveries }));
        self
    }

    /// All subscribers.
    #[must_use]
    pub fn all(&self) -> &[Arc<dyn Subscriber>] {
        &self.0
    }

    /// The subscriber with this name.
    #[must_use]
    pub fn get(&self, name: &SubscriberName) -> Option<&Arc<dyn Subscriber>> {
        self.0.iter().find(|subscriber| subscriber.name() == *name)
    }
}

struct Registered<H: EventHandler> {
    handler: H,
    store: Arc<dyn Begin<H::Unit>>,
    runtime: Runtime,
    deliveries: for<'a> fn(&'a mut H::Unit) -> &'a mut dyn DeliveryRepository,
}

impl<H: EventHandler> Registered<H> {
    fn blocks(&self) -> bool {
        H::ON_FAILURE == OnFailure::BlockAggregate
    }

    fn held(&self, claimed: ClaimedSubscription, placed: &PlacedEvent, now: Timestamp) -> HeldEvent {
        let id = HeldEventId::new(self.runtime.ids.next());
        let event = (placed.event.id, placed.position);
        HeldEvent::waiting(id, claimed.id, event, placed.event.aggregate_id, now)
    }

    async fn handle(&self, unit: &mut H::Unit, placed: &PlacedEvent, now: Timestamp) -> Result<(), HandlerError> {
        let mut actor = Actor::system(placed.event.request_id.clone());
        actor.traceparent.clone_from(&placed.event.traceparent);
        self.handler.handle(unit, placed, &Handling { actor, now, runtime: &self.runtime }).await
    }

    /// Moves the position of the subscription in this unit, which proves that this process still has it. Returns the
    /// places of the events that it had not passed: all of them, unless an attempt with an unknown outcome was stored, or
    /// a replay ends before them.
    async fn advance(
        &self,
        unit: &mut H::Unit,
        claimed: ClaimedSubscription,
        events: &[PlacedEvent],
        now: Timestamp,
    ) -> Result<Range<usize>, DeliveryError> {
        let deliveries = (self.deliveries)(unit);
        let mut subscription = deliveries.find(claimed.id).await?.ok_or(DeliveryError::Fenced)?;
        let before = subscription.position;
        let last = events.last().map_or(before, |event| event.position);
        subscription.advance(claimed.token, last, now).map_err(|_| DeliveryError::Fenced)?;
        deliveries.save(&subscription).await?;
        let passed = events.partition_point(|placed| placed.position <= before);
        Ok(passed..events.partition_point(|placed| subscription.includes(placed.position)).max(passed))
    }

    async fn deliver_in(
        &self,
        unit: &mut H::Unit,
        claimed: ClaimedSubscription,
        events: &[PlacedEvent],
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        // First, so that a process that was fenced off does no work.
        let left = self.advance(unit, claimed, events, now).await?;
        let is_wanted = |(_, placed): &(usize, &PlacedEvent)| H::EVENTS.contains(&placed.event.name.as_str());
        let wanted: Vec<_> = left.clone().zip(&events[left]).filter(is_wanted).collect();
        let deliveries = (self.deliveries)(unit);
        let mut blocked = BTreeSet::new();
        if self.blocks() && !wanted.is_empty() {
            let aggregates: BTreeSet<_> = wanted.iter().map(|(_, placed)| placed.event.aggregate_id).collect();
            let aggregates: Vec<_> = aggregates.into_iter().collect();
            blocked.extend(deliveries.held_aggregates(claimed.id, &aggregates).await?);
        }
        let (waiting, ready): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|(_, placed)| blocked.contains(&placed.event.aggregate_id));
        if !waiting.is_empty() {
            let held: Vec<_> = waiting.iter().map(|(_, placed)| self.held(claimed, placed, now)).collect();
            self.hold_all(deliveries, claimed, &held).await?;
        }
        if ready.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = ready.iter().map(|(_, placed)| placed.event.id).collect();
        let new: BTreeSet<_> = deliveries.receive(claimed.id, &ids, now).await?.into_iter().collect();
        for (place, placed) in ready {
            if new.contains(&placed.event.id) {
                self.handle(unit, placed, now).await.map_err(|error| at(place, error))?;
            }
        }
        Ok(())
    }

    async fn hold_in(
        &self,
        unit: &mut H::Unit,
        claimed: ClaimedSubscription,
        (placed, message): (&PlacedEvent, &str),
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        if self.advance(unit, claimed, std::slice::from_ref(placed), now).await?.is_empty() {
            return Ok(());
        }
        let mut held = self.held(claimed, placed, now);
        held.fail(message.to_owned(), (Backoff::USUAL, self.runtime.random.fraction()), now);
        self.hold_all((self.deliveries)(unit), claimed, &[held]).await
    }

    async fn hold_all(
        &self,
        deliveries: &mut dyn DeliveryRepository,
        claimed: ClaimedSubscription,
        held: &[HeldEvent],
    ) -> Result<(), DeliveryError> {
        if deliveries.count_held(claimed.id, HELD_MAX).await? >= u64::from(HELD_MAX) {
            return Err(DeliveryError::Stalled);
        }
        Ok(deliveries.hold(held).await?)
    }

    async fn deliver_held_in(
        &self,
        unit: &mut H::Unit,
        claimed: ClaimedSubscription,
        (held, placed): (HeldEventId, &PlacedEvent),
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        self.advance(unit, claimed, &[], now).await?;
        // An operator may have skipped the event.
        let deliveries = (self.deliveries)(unit);
        let Some(held) = deliveries.find_held(held).await? else { return Ok(()) };
        let new = deliveries.receive(claimed.id, &[placed.event.id], now).await?;
        if !new.is_empty() {
            self.handle(unit, placed, now).await.map_err(|error| at(0, error))?;
        }
        Ok(release(&mut *(self.deliveries)(unit), &held, now).await?)
    }

    async fn fail_held_in(
        &self,
        unit: &mut H::Unit,
        claimed: ClaimedSubscription,
        (seen, message): (&HeldEvent, &str),
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        self.advance(unit, claimed, &[], now).await?;
        let deliveries = (self.deliveries)(unit);
        let found = deliveries.find_held(seen.id).await?;
        let Some(mut held) = found.filter(|held| held.attempt == seen.attempt) else { return Ok(()) };
        held.fail(message.to_owned(), (Backoff::USUAL, self.runtime.random.fraction()), now);
        deliveries.save_held(&held).await?;
        Ok(())
    }
}

fn at(place: usize, error: HandlerError) -> DeliveryError {
    match error {
        // Another attempt meets the same rows.
        HandlerError::Store(
            error @ (StoreError::Duplicate { .. } | StoreError::Referenced { .. } | StoreError::Corrupt(_)),
        ) => DeliveryError::Failed { place, message: error.to_string() },
        HandlerError::Store(error) => error.into(),
        HandlerError::Failed(reason) => DeliveryError::Failed { place, message: reason.to_string() },
    }
}

/// No longer holds the event back, and lets the next one of its aggregate be tried.
///
/// # Errors
/// The store's error.
pub(super) async fn release(
    deliveries: &mut dyn DeliveryRepository,
    held: &HeldEvent,
    now: Timestamp,
) -> Result<(), StoreError> {
    deliveries.release_held(held).await?;
    if let Some(mut next) = deliveries.next_held(held.subscription_id, held.aggregate_id).await?
        && next.state == HeldState::Waiting
    {
        next.retry(now);
        deliveries.save_held(&next).await?;
    }
    Ok(())
}

#[async_trait]
impl<H: EventHandler> Subscriber for Registered<H> {
    fn name(&self) -> SubscriberName {
        SubscriberName::stored(H::NAME.to_owned())
    }

    async fn deliver(&self, claimed: ClaimedSubscription, events: &[PlacedEvent]) -> Result<(), DeliveryError> {
        let now = self.runtime.clock.now();
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let delivered = self.deliver_in(&mut *unit, claimed, events, now).await;
            attempt.end(unit, delivered).await
        })
        .await
    }

    async fn hold(
        &self,
        claimed: ClaimedSubscription,
        event: &PlacedEvent,
        message: &str,
    ) -> Result<(), DeliveryError> {
        let now = self.runtime.clock.now();
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let held = self.hold_in(&mut *unit, claimed, (event, message), now).await;
            attempt.end(unit, held).await
        })
        .await
    }

    async fn deliver_held(
        &self,
        claimed: ClaimedSubscription,
        held: HeldEventId,
        event: &PlacedEvent,
    ) -> Result<(), DeliveryError> {
        let now = self.runtime.clock.now();
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let delivered = self.deliver_held_in(&mut *unit, claimed, (held, event), now).await;
            attempt.end(unit, delivered).await
        })
        .await
    }

    async fn fail_held(
        &self,
        claimed: ClaimedSubscription,
        held: &HeldEvent,
        message: &str,
    ) -> Result<(), DeliveryError> {
        let now = self.runtime.clock.now();
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let failed = self.fail_held_in(&mut *unit, claimed, (held, message), now).await;
            attempt.end(unit, failed).await
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::constraints::HELD_EVENT;

    #[test]
    fn a_rule_that_a_handler_breaks_is_a_fault_of_the_event_and_a_store_that_is_away_is_not() {
        for error in [StoreError::Duplicate { constraint: HELD_EVENT }, StoreError::Corrupt("unreadable".into())] {
            let failed = at(3, HandlerError::Store(error));
            assert!(matches!(failed, DeliveryError::Failed { place: 3, .. }), "{failed:?}");
        }
        for error in [StoreError::Stale, StoreError::Retry("a deadlock".into()), StoreError::Full("the disk".into())] {
            let later = at(3, HandlerError::Store(error));
            assert!(matches!(later, DeliveryError::Store(_)), "{later:?}");
        }
    }
}
