//! The uniqueness rules of events and subscriptions. Each is the name of an index or key in every store.

use crate::kernel::Constraint;

/// The position of an event.
pub const EVENT_POSITION: Constraint = Constraint::new("event_positions_pkey");
/// One position per event.
pub const POSITION_OF_EVENT: Constraint = Constraint::new("event_positions_event_id_key");
/// The id of a subscription.
pub const SUBSCRIPTION_ID: Constraint = Constraint::new("subscriptions_pkey");
/// A subscriber has one subscription that follows the log.
pub const SUBSCRIPTION_SUBSCRIBER: Constraint = Constraint::new("subscriptions_subscriber_key");
/// The id of an event that is held back.
pub const HELD_EVENT_ID: Constraint = Constraint::new("held_events_pkey");
/// A subscription holds an event back once.
pub const HELD_EVENT: Constraint = Constraint::new("held_events_event_key");

/// Every uniqueness rule.
pub const ALL: &[Constraint] =
    &[EVENT_POSITION, POSITION_OF_EVENT, SUBSCRIPTION_ID, SUBSCRIPTION_SUBSCRIBER, HELD_EVENT_ID, HELD_EVENT];
