//! Clauses of the log of events, of subscriptions, and of delivery.

mod deliveries;
mod delivery;
mod log;
mod wake_ups;

use crate::{clause::Clause, units::opens};
use skep_application::events::{EventsStore, EventsTx};

opens! { EventsStore: EventsTx }

/// All clauses of events.
#[must_use]
pub fn clauses() -> Vec<Clause<dyn EventsStore>> {
    [log::clauses(), deliveries::clauses(), delivery::clauses(), wake_ups::clauses()].concat()
}
