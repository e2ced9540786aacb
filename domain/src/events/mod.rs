//! Events on their way to subscribers: their order, and how far each subscriber has come.
//!
//! Uses `jobs` for the pauses between attempts.
//!
//! Contexts declare their events beside their entities. This context knows events by id, aggregate and version only.

pub mod actions;
#[expect(clippy::module_inception, reason = "each context has its events in a module of this name")]
pub mod events;
mod held_event;
mod order;
mod subscription;

pub use held_event::{HeldEvent, HeldEventId, HeldState, OnFailure};
pub use order::{EventPosition, UnplacedEvent, in_order};
pub use subscription::{
    InvalidSubscriberName, Replay, SubscriberName, Subscription, SubscriptionId, SubscriptionState,
};
