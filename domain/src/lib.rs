//! The rules of Skep: entities, value objects and decisions.
//!
//! Everything here is synchronous and pure. There is no clock, no randomness and no I/O: the application makes times
//! and identifiers and passes them in. If this crate is built alone (`cargo check -p skep-domain`), `Utc::now` and
//! `Uuid::now_v7` do not exist, because the features that provide them are off.
//!
//! There is one module per bounded context. `shared` holds the values that all contexts use. [`actions()`] and [`events()`]
//! collect what the contexts declare.

pub mod access;
pub mod catalog;
pub mod events;
pub mod files;
pub mod identity;
pub mod jobs;
pub mod notifications;
pub mod ordering;
pub mod search;
pub mod shared;

use shared::{Action, EventDescription};

/// Every action of every context.
pub fn actions() -> impl Iterator<Item = Action> {
    [
        identity::actions::ALL,
        catalog::actions::ALL,
        ordering::actions::ALL,
        notifications::actions::ALL,
        jobs::actions::ALL,
        events::actions::ALL,
        files::actions::ALL,
        search::actions::ALL, // one line per context
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The descriptions of every event of every context.
pub fn events() -> impl Iterator<Item = &'static EventDescription> {
    [
        identity::events::ALL,
        catalog::events::ALL,
        ordering::events::ALL,
        notifications::events::ALL,
        jobs::events::ALL,
        events::events::ALL,
        files::events::ALL, // one line per context
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests;
