//! Jobs and queues.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules, State, page};
use async_trait::async_trait;
use skep_application::{
    jobs::{
        JobFilter, JobQueries, JobRepository, JobSort, JobSummary, QueueCounts, QueueQueries, QueueRepository,
        ReadyJob,
        constraints::{JOB_ID, JOB_RUNNING_KEY, JOB_UNIQUE_KEY, QUEUE_ID, QUEUE_NAME},
    },
    kernel::{Page, PageRequest},
};
use skep_domain::{
    jobs::{Job, JobId, JobKind, JobState, Queue, QueueId, QueueName},
    shared::{Lease, Timestamp, UserId, Version},
};
use std::collections::BTreeSet;

fn runs_with_same_key(one: &Job, other: &Job) -> bool {
    let running = |job: &Job| job.state == JobState::Running;
    running(one) && running(other) && one.ordering_key.is_some() && one.ordering_key == other.ordering_key
}

impl Row for Job {
    type Key = JobId;
    const RULES: Rules<Self> = Rules {
        unique: &[
            (JOB_UNIQUE_KEY, |one, other| one.held_key().is_some() && one.held_key() == other.held_key()),
            (JOB_RUNNING_KEY, runs_with_same_key),
        ],
        saved: |job, stored| Self {
            kind: stored.kind.clone(),
            queue: stored.queue.clone(),
            args: stored.args.clone(),
            owner_id: stored.owner_id,
            origin: stored.origin.clone(),
            created_at: stored.created_at,
            ..job.clone()
        },
        ..Rules::of(JOB_ID, |job| job.id, |job| &mut job.version)
    };
}

impl Row for Queue {
    type Key = QueueId;
    const RULES: Rules<Self> = Rules {
        unique: &[(QUEUE_NAME, |one, other| one.name == other.name)],
        ..Rules::of(QUEUE_ID, |queue| queue.id, |queue| &mut queue.version)
    };
}

#[async_trait]
impl JobRepository for MemoryUnit {
    async fn insert(&mut self, job: &Job) -> Done<Option<Job>> {
        self.announcement.jobs |= job.lets_claim();
        self.run(|state| {
            let other = state.jobs.rows().find(|other| job.held_key().is_some() && other.held_key() == job.held_key());
            let other = other.cloned();
            if other.is_none() {
                state.jobs.insert(job)?;
            }
            Ok(other)
        })
        .await
    }
    async fn find(&mut self, id: JobId) -> Done<Option<Job>> {
        self.run(|state| Ok(state.jobs.get(id).cloned())).await
    }
    async fn find_many(&mut self, ids: &[JobId]) -> Done<Vec<Job>> {
        self.run(|state| Ok(state.jobs.many(ids))).await
    }
    async fn list_available(&mut self, queue: &QueueName, limit: u32) -> Done<Vec<Job>> {
        self.run(|state| Ok(available(state, queue, limit))).await
    }
    async fn list_due(&mut self, now: Timestamp, limit: u32) -> Done<Vec<Job>> {
        self.run(|state| {
            let waiting = state.jobs.rows().filter(|job| waits_for_its_time(job) && job.ready_at <= now);
            let mut due: Vec<_> = waiting.cloned().collect();
            due.sort_by_key(|job| (job.ready_at, job.id));
            due.truncate(limit as usize);
            Ok(due)
        })
        .await
    }
    async fn save_many(&mut self, jobs: &[Job]) -> Done<()> {
        self.announcement.jobs |= jobs.iter().any(Job::lets_claim);
        self.run(|state| jobs.iter().try_for_each(|job| state.jobs.save(job).map(drop))).await
    }
    async fn count_waiting(&mut self, owner: UserId, kind: &JobKind, bound: u32) -> Done<u64> {
        self.run(|state| {
            let waiting = state.jobs.rows().filter(|job| job.state.is_waiting());
            let of_owner = waiting.filter(|job| job.owner_id == Some(owner) && job.kind == *kind);
            Ok(of_owner.take(bound as usize).count() as u64)
        })
        .await
    }
    async fn count_running(&mut self, queue: &QueueName, bound: u32) -> Done<u64> {
        self.run(|state| {
            let running = state.jobs.rows().filter(|job| job.state == JobState::Running && job.queue == *queue);
            Ok(running.take(bound as usize).count() as u64)
        })
        .await
    }
    async fn sweep(&mut self, state: JobState, until: Timestamp, limit: u32) -> Done<u64> {
        self.run(|stored| {
            let old = stored.jobs.rows().filter(|job| job.state == state && job.state.is_final());
            let mut old: Vec<_> = old.filter(|job| job.finished_at <= Some(until)).cloned().collect();
            old.sort_by_key(|job| (job.finished_at, job.id));
            old.truncate(limit as usize);
            old.iter().try_for_each(|job| stored.jobs.delete(job))?;
            Ok(old.len() as u64)
        })
        .await
    }
}

/// The jobs of the queue that a worker may claim.
fn available(state: &State, queue: &QueueName, limit: u32) -> Vec<Job> {
    let running = state.jobs.rows().filter(|job| job.state == JobState::Running);
    let mut taken: BTreeSet<_> = running.filter_map(|job| job.ordering_key.clone()).collect();
    let available = state.jobs.rows().filter(|job| job.state == JobState::Available && job.queue == *queue);
    let mut available: Vec<_> = available.cloned().collect();
    available.sort_by_key(|job| (job.priority, job.ready_at, job.id));
    available.retain(|job| job.ordering_key.clone().is_none_or(|key| taken.insert(key)));
    available.truncate(limit as usize);
    available
}

fn waits_for_its_time(job: &Job) -> bool {
    matches!(job.state, JobState::Scheduled | JobState::Retryable)
}

#[async_trait]
impl QueueRepository for MemoryUnit {
    async fn find(&mut self, name: &QueueName) -> Done<Option<Queue>> {
        self.run(|state| Ok(state.queues.rows().find(|queue| queue.name == *name).cloned())).await
    }
    /// Units run one after the other.
    async fn hold(&mut self, _: QueueId) -> Done<()> {
        self.run(|_| Ok(())).await
    }
    async fn insert(&mut self, queue: &Queue) -> Done<()> {
        self.run(|state| state.queues.insert(queue)).await
    }
    async fn save(&mut self, queue: &Queue) -> Done<Version> {
        self.run(|state| state.queues.save(queue)).await
    }
}

#[async_trait]
impl JobQueries for MemoryStore {
    async fn find_job(&self, id: JobId) -> Done<Option<Job>> {
        Ok(self.state().jobs.get(id).cloned())
    }
    async fn find_jobs(&self, ids: &[JobId]) -> Done<Vec<Job>> {
        Ok(self.state().jobs.many(ids))
    }
    async fn list_ready(&self, queue: &QueueName, limit: u32) -> Done<Vec<ReadyJob>> {
        Ok(available(&self.state(), queue, limit).iter().map(ReadyJob::from).collect())
    }
    async fn list_jobs(&self, filter: &JobFilter, sort: JobSort, request: &PageRequest) -> Done<Page<JobSummary>> {
        let state = self.state();
        let rows = state.jobs.rows().filter(|job| filter.admits(job)).map(JobSummary::from);
        Ok(page(rows, |job| sort.key.position(job), sort.direction, request, usize::MAX, |_| 0))
    }
    async fn list_held(&self) -> Done<Vec<(JobId, Lease)>> {
        let state = self.state();
        Ok(state.jobs.rows().filter_map(|job| job.lease.map(|lease| (job.id, lease))).collect())
    }
    async fn next_ready_at(&self) -> Done<Option<Timestamp>> {
        let state = self.state();
        Ok(state.jobs.rows().filter(|job| waits_for_its_time(job)).map(|job| job.ready_at).min())
    }
}

#[async_trait]
impl QueueQueries for MemoryStore {
    async fn find_queue(&self, name: &QueueName) -> Done<Option<Queue>> {
        Ok(self.state().queues.rows().find(|queue| queue.name == *name).cloned())
    }
    async fn list_queues(&self, limit: u32) -> Done<Vec<Queue>> {
        let mut queues: Vec<_> = self.state().queues.rows().cloned().collect();
        queues.sort_by(|one, other| one.name.cmp(&other.name));
        queues.truncate(limit as usize);
        Ok(queues)
    }
    async fn list_unopened(&self, limit: u32) -> Done<Vec<QueueName>> {
        let state = self.state();
        let available = state.jobs.rows().filter(|job| job.state == JobState::Available).map(|job| job.queue.clone());
        let opened: BTreeSet<_> = state.queues.rows().map(|queue| queue.name.clone()).collect();
        let names: BTreeSet<_> = available.filter(|name| !opened.contains(name)).collect();
        Ok(names.into_iter().take(limit as usize).collect())
    }
    async fn count_jobs(&self, queue: &QueueName, bound: u32) -> Done<QueueCounts> {
        let state = self.state();
        let of = |wanted: JobState| state.jobs.rows().filter(move |job| job.queue == *queue && job.state == wanted);
        Ok(QueueCounts {
            available: of(JobState::Available).take(bound as usize).count() as u64,
            oldest_ready_at: of(JobState::Available).map(|job| job.ready_at).min(),
            running: of(JobState::Running).take(bound as usize).count() as u64,
        })
    }
}
