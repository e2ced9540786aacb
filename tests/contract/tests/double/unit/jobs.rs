//! Jobs and queues: everything passes through.

use super::{Done, FlawedUnit};
use async_trait::async_trait;
use skep_application::jobs::{JobRepository, QueueRepository};
use skep_domain::{
    jobs::{Job, JobId, JobKind, JobState, Queue, QueueName},
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
    async fn sweep(&mut self, state: JobState, until: Timestamp, limit: u32) -> Done<u64> {
        through!(self, JobRepository::sweep(state, until, limit))
    }
}

#[async_trait]
impl QueueRepository for FlawedUnit {
    async fn find(&mut self, name: &QueueName) -> Done<Option<Queue>> {
        through!(self, QueueRepository::find(name))
    }
    async fn insert(&mut self, queue: &Queue) -> Done<()> {
        through!(self, QueueRepository::insert(queue))
    }
    async fn save(&mut self, queue: &Queue) -> Done<Version> {
        through!(self, QueueRepository::save(queue))
    }
}
