//! The mock world of jobs.

use super::{MockUnit, Seen, World};
use crate::jobs::JobsMocks;
use skep_domain::jobs::{Job, Queue};

/// A job and a queue.
#[derive(Clone, Default)]
pub struct Depot {
    /// The only job, if there is one.
    pub job: Option<Job>,
    /// The only queue, if there is one.
    pub queue: Option<Queue>,
    /// The calls that the units of work have received.
    pub seen: Seen,
}

impl World for Depot {
    type Mocks = JobsMocks;

    fn seen(&self) -> &Seen {
        &self.seen
    }

    fn looking(&self) -> MockUnit<JobsMocks> {
        let (seen, queue) = (self.seen.clone(), self.queue.clone());
        let mut unit: MockUnit<JobsMocks> = seen.looking();
        let jobs = Vec::from_iter(self.job.clone());
        unit.jobs.expect_find().returning(seen.finds("jobs.find", jobs.clone(), |job| job.id));
        unit.jobs.expect_find_many().returning(seen.finds_many("jobs.find_many", jobs, |job| job.id));
        unit.queues.expect_find().returning(move |name| {
            seen.note("queues.find", std::slice::from_ref(name));
            Ok(queue.clone().filter(|queue| queue.name == *name))
        });
        unit
    }

    fn open(&self) -> MockUnit<JobsMocks> {
        let (mut unit, seen) = (self.looking(), &self.seen);
        unit.jobs.expect_save_many().returning(seen.stores_many("jobs.save_many"));
        unit.queues.expect_save().returning(seen.saves("queues.save", |queue: &Queue| queue.version));
        seen.writes(&mut unit);
        unit
    }
}
