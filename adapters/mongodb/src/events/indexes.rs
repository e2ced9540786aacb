//! The indexes of events and subscriptions.

use crate::schema::{Index, index, partial, unique};
use bson::{Document, doc};
use skep_domain::events::{HeldState, SubscriptionState};

/// The events without a position, in the order of their ids. The first field is missing in all of them; an index with
/// the id alone cannot be partial.
pub(super) const UNPLACED: Index = partial("outbox_unplaced_idx", &["position", "_id"], unplaced);
/// The events without a position, by aggregate.
pub(super) const UNPLACED_OF_AGGREGATE: Index =
    partial("outbox_unplaced_aggregate_idx", &["aggregate_id", "aggregate_version"], unplaced);
/// The events with a position. It has the name of the rule, which is a primary key in the other stores.
pub(super) const POSITION: Index = Index { unique: true, ..partial("event_positions_pkey", &["position"], placed) };
/// The indexes that events get with the log.
pub(super) const OF_EVENTS: &[Index] = &[UNPLACED, UNPLACED_OF_AGGREGATE, POSITION];

/// The subscriptions that follow the log.
pub(super) const LIVE: Index = Index { only: Some(live), ..unique("subscriptions_subscriber_key", &["subscriber"]) };
/// The active subscriptions by their positions.
pub(super) const BEHIND: Index = partial("subscriptions_position_idx", &["position", "_id"], active);
/// The list of all subscriptions.
pub(super) const CREATED: Index = index("subscriptions_created_at_idx", &["created_at", "_id"]);
pub(super) const OF_SUBSCRIPTIONS: &[Index] = &[LIVE, BEHIND, CREATED];

/// What is swept.
pub(super) const OF_RECEIVED: &[Index] = &[index("received_events_received_at_idx", &["received_at"])];

/// Begins with the event, so that the sweep finds whether an event is held back.
const HELD_EVENT: Index = unique("held_events_event_key", &["event_id", "subscription_id"]);
/// The events of an aggregate in the order of the log.
pub(super) const HELD_OF_AGGREGATE: Index =
    index("held_events_aggregate_idx", &["subscription_id", "aggregate_id", "position"]);
/// What is tried again.
pub(super) const DUE: Index = partial("held_events_due_idx", &["subscription_id", "ready_at", "_id"], retryable);
/// What is counted.
pub(super) const HELD_STATES: Index = index("held_events_state_idx", &["subscription_id", "state"]);
/// The lists.
pub(super) const HELD_AT: Index = index("held_events_held_at_idx", &["state", "held_at", "_id"]);
pub(super) const OF_HELD: &[Index] = &[HELD_EVENT, HELD_OF_AGGREGATE, DUE, HELD_STATES, HELD_AT];

/// The events without a position. The field is missing in them, so that an event counts as one of them whichever
/// program has stored it.
pub(super) fn unplaced() -> Document {
    doc! { "position": null }
}

/// The events with a position.
pub(super) fn placed() -> Document {
    doc! { "position": { "$gt": 0_i64 } }
}

/// The subscriptions that are no replay.
pub(super) fn live() -> Document {
    doc! { "replay_until": null }
}

/// The subscriptions that get events.
pub(super) fn active() -> Document {
    doc! { "state": SubscriptionState::Active.name() }
}

/// The events that are to be tried again.
pub(super) fn retryable() -> Document {
    doc! { "state": HeldState::Retryable.name() }
}
