//! The mock world of jobs and schedules.

use super::{MockUnit, Seen, World};
use crate::jobs::JobsMocks;
use skep_domain::jobs::{Job, Queue, Schedule};

/// A job, a queue and a schedule.
#[derive(Clone, Default)]
pub struct Depot {
    /// The only job, if there is one.
    pub job: Option<Job>,
    /// The only queue, if there is one.
    pub queue: Option<Queue>,
    /// The only schedule, if there is one.
    pub schedule: Option<Schedule>,
    /// How many jobs wait for each user.
    pub waiting: u64,
    /// How many jobs run in each queue.
    pub running: u64,
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
        let (waiting, running) = (self.waiting, self.running);
        unit.jobs.expect_count_waiting().returning(move |_, _, bound| Ok(waiting.min(bound.into())));
        unit.jobs.expect_count_running().returning(move |_, bound| Ok(running.min(bound.into())));
        unit.queues.expect_find().returning(move |name| {
            seen.note("queues.find", std::slice::from_ref(name));
            Ok(queue.clone().filter(|queue| queue.name == *name))
        });
        let (seen, schedules) = (self.seen.clone(), Vec::from_iter(self.schedule.clone()));
        let (found, due) = (schedules.clone(), self.schedule.clone());
        unit.schedules.expect_find().returning(seen.finds("schedules.find", found, |schedule| schedule.id));
        unit.schedules.expect_find_due().returning(move |id, now| {
            let is_due = |schedule: &Schedule| schedule.id == id && schedule.next_fire_at.is_some_and(|at| at <= now);
            Ok(due.clone().filter(is_due))
        });
        unit.schedules.expect_count().returning(move |bound| Ok(u64::from(bound).min(schedules.len() as u64)));
        unit
    }

    fn open(&self) -> MockUnit<JobsMocks> {
        let (mut unit, seen) = (self.looking(), &self.seen);
        unit.jobs.expect_save_many().returning(seen.stores_many("jobs.save_many"));
        let insert = seen.stores("jobs.insert");
        unit.jobs.expect_insert().returning(move |job| insert(job).map(|()| None));
        unit.schedules.expect_insert().returning(seen.stores("schedules.insert"));
        unit.schedules.expect_save().returning(seen.saves("schedules.save", |schedule: &Schedule| schedule.version));
        unit.schedules.expect_delete().returning(seen.stores("schedules.delete"));
        unit.queues.expect_save().returning(seen.saves("queues.save", |queue: &Queue| queue.version));
        seen.writes(&mut unit);
        unit
    }
}
