//! Jobs, queues and schedules: everything passes through.

use super::{Done, FlawedUnit};
use async_trait::async_trait;
use skep_application::jobs::{JobRepository, QueueRepository, ScheduleRepository};
use skep_domain::{
    jobs::{Job, JobId, JobKind, JobState, Queue, QueueId, QueueName, Schedule, ScheduleId},
    shared::{Timestamp, UserId, Version},
};

#[async_trait]
impl JobRepository for FlawedUnit {
    async fn insert(&mut self, job: &Job) -> Done<Option<Job>> {
        through!(self, JobRepository::insert(job))
    }
    async fn find(&mut self, id: JobId) -> Done<Option<Job>> {
        through!(self, JobRepository::find(id))
    }
    async fn find_many(&mut self, ids: &[JobId]) -> Done<Vec<Job>> {
        through!(self, JobRepository::find_many(ids))
    }
    async fn list_available(&mut self, queue: &QueueName, limit: u32) -> Done<Vec<Job>> {
        through!(self, JobRepository::list_available(queue, limit))
    }
    async fn list_due(&mut self, now: Timestamp, limit: u32) -> Done<Vec<Job>> {
        through!(self, JobRepository::list_due(now, limit))
    }
    async fn save_many(&mut self, jobs: &[Job]) -> Done<()> {
        through!(self, JobRepository::save_many(jobs))
    }
    async fn count_waiting(&mut self, owner: UserId, kind: &JobKind, bound: u32) -> Done<u64> {
        through!(self, JobRepository::count_waiting(owner, kind, bound))
    }
    async fn count_running(&mut self, queue: &QueueName, bound: u32) -> Done<u64> {
        through!(self, JobRepository::count_running(queue, bound))
    }
    async fn sweep(&mut self, state: JobState, until: Timestamp, limit: u32) -> Done<u64> {
        through!(self, JobRepository::sweep(state, until, limit))
    }
}

#[async_trait]
impl QueueRepository for FlawedUnit {
    async fn find(&mut self, name: &QueueName) -> Done<Option<Queue>> {
        through!(self, QueueRepository::find(name))
    }
    async fn hold(&mut self, id: QueueId) -> Done<()> {
        through!(self, QueueRepository::hold(id))
    }
    async fn insert(&mut self, queue: &Queue) -> Done<()> {
        through!(self, QueueRepository::insert(queue))
    }
    async fn save(&mut self, queue: &Queue) -> Done<Version> {
        through!(self, QueueRepository::save(queue))
    }
}

#[async_trait]
impl ScheduleRepository for FlawedUnit {
    async fn find(&mut self, id: ScheduleId) -> Done<Option<Schedule>> {
        through!(self, ScheduleRepository::find(id))
    }
    async fn find_due(&mut self, id: ScheduleId, now: Timestamp) -> Done<Option<Schedule>> {
        through!(self, ScheduleRepository::find_due(id, now))
    }
    async fn insert(&mut self, schedule: &Schedule) -> Done<()> {
        through!(self, ScheduleRepository::insert(schedule))
    }
    async fn save(&mut self, schedule: &Schedule) -> Done<Version> {
        through!(self, ScheduleRepository::save(schedule))
    }
    async fn delete(&mut self, schedule: &Schedule) -> Done<()> {
        through!(self, ScheduleRepository::delete(schedule))
    }
    async fn count(&mut self, bound: u32) -> Done<u64> {
        through!(self, ScheduleRepository::count(bound))
    }
}
