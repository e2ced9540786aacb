//! The endpoints of events, subscribers and events that are held back.

mod api;
mod document;
mod dto;
mod held_events;
mod operations;
mod subscribers;

pub use dto::EventBody;

use crate::parts::Context;

/// The endpoints, operations and examples of events.
pub(crate) const CONTEXT: Context = Context::new::<(
    api::EventApi,
    subscribers::SubscriberApi,
    held_events::HeldEventApi,
)>(operations::OPERATIONS, document::complete);
