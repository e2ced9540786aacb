//! Events on their way to subscribers: the log with its positions, subscriptions, and events that are held back.
//!
//! Uses `jobs`, because most subscribers store jobs.

pub mod constraints;
mod delete_subscription;
#[cfg(test)]
mod delivery_tests;
pub(crate) mod erasures;
mod held_events;
mod known_subscribers;
#[cfg(test)]
mod operator_tests;
mod place_events;
mod ports;
mod queries;
mod resume_subscription;
mod start_replay;
mod subscriber;
mod subscriptions;
mod sweep_events;

pub use delete_subscription::{
    DeleteSubscription, DeleteSubscriptionCommand, DeleteSubscriptionError, SubscriberInUse,
};
pub use held_events::{HeldEventCommand, HeldEventError, HeldEventWaits, RetryHeldEvent, SkipHeldEvent};
pub use known_subscribers::KnownSubscribers;
pub use place_events::PlaceEvents;
pub use ports::*;
pub use queries::{EventsView, ListHeldEvents, ListSubscriptions, ReadEvents, SubscriptionView};
pub use resume_subscription::{ResumeSubscription, ResumeSubscriptionCommand, ResumeSubscriptionError};
pub use start_replay::{
    EventsGone, REPLAYS_MAX, StartReplay, StartReplayCommand, StartReplayError, StartedReplay, TooManyReplays,
};
pub use subscriber::{
    ClaimedSubscription, DeliveryError, EventHandler, HELD_MAX, HandlerError, Handling, Subscriber, Subscribers,
};
pub use subscriptions::{SUBSCRIPTIONS_MAX, Subscriptions};
pub use sweep_events::{EventPolicy, SweepEvents};

use crate::{
    app::Ports,
    jobs::LeasePolicy,
    kernel::{Commands, UseCase},
};

/// The use cases of events.
pub struct Events {
    /// Gives committed events their positions.
    pub place_events: PlaceEvents,
    /// Opens, claims, releases and rescues subscriptions.
    pub subscriptions: Subscriptions,
    /// Delivers events to a subscriber again.
    pub start_replay: UseCase<StartReplay>,
    /// Starts a subscription again that was broken off.
    pub resume_subscription: UseCase<ResumeSubscription>,
    /// Ends a replay, or removes a subscriber that no program has any more.
    pub delete_subscription: UseCase<DeleteSubscription>,
    /// Lets an event that is held back be tried at once.
    pub retry_held_event: UseCase<RetryHeldEvent>,
    /// Gives up an event that is held back.
    pub skip_held_event: UseCase<SkipHeldEvent>,
    /// Returns events of the log.
    pub read_events: ReadEvents,
    /// Returns the subscriptions.
    pub list_subscriptions: ListSubscriptions,
    /// Returns the events that are held back.
    pub list_held_events: ListHeldEvents,
}

impl Events {
    /// Builds the use cases over these ports.
    #[must_use]
    pub fn new(ports: &Ports, leases: LeasePolicy) -> Self {
        let Ports { store, runtime, fingerprints, .. } = ports.clone();
        let commands = Commands::<dyn EventsTx>::new(store.clone(), fingerprints, runtime.clone());
        let subscriptions = Subscriptions::new(store.clone(), runtime.clone(), leases.term);
        let delete = DeleteSubscription::new(subscriptions.known.clone());
        Self {
            place_events: PlaceEvents::new(store.clone(), runtime.clone()),
            subscriptions,
            start_replay: UseCase::new(StartReplay, &commands),
            resume_subscription: UseCase::new(ResumeSubscription, &commands),
            delete_subscription: UseCase::new(delete, &commands),
            retry_held_event: UseCase::new(RetryHeldEvent, &commands),
            skip_held_event: UseCase::new(SkipHeldEvent, &commands),
            read_events: ReadEvents::new(store.clone()),
            list_subscriptions: ListSubscriptions::new(store.clone(), store.clone()),
            list_held_events: ListHeldEvents::new(store, runtime.clock),
        }
    }
}
