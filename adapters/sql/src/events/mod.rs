//! The log of events, and subscriptions.

mod deliveries;
mod held_events;
mod log;
pub(crate) mod migrations;
mod received_events;
mod subscriptions;
#[cfg(test)]
mod tests;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    let deliveries = subscriptions::declared().and(received_events::declared()).and(held_events::declared());
    log::declared().and(deliveries)
}
