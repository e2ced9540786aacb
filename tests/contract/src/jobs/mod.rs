//! Clauses of jobs, queues and schedules.

mod claims;
mod lost_answers;
mod queues;
mod repository;
mod schedules;
mod workers;

use crate::{clause::Clause, units::opens};
use skep_application::jobs::{JobsStore, JobsTx};

opens! { JobsStore: JobsTx }

/// All clauses of jobs.
#[must_use]
pub fn clauses() -> Vec<Clause<dyn JobsStore>> {
    [
        repository::clauses(),
        claims::clauses(),
        lost_answers::clauses(),
        queues::clauses(),
        workers::clauses(),
        schedules::clauses(),
    ]
    .concat()
}
