//! The log of events, subscriptions, and events that are held back.

mod deliveries;
mod delivery_queries;
mod documents;
mod indexes;
mod log;
mod order;
mod received;
pub(crate) mod schema;
mod steps;
