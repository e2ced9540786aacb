//! The ports of jobs and queues. Those of schedules are in `schedule_ports.rs`.

#[cfg(any(test, feature = "testing"))]
use super::MockScheduleRepository;
use super::{ReadyJob, ScheduleQueries, ScheduleRepository};
use crate::kernel::{Guarded, Page, PageRequest, Position, Signaling, Sort, SortValue, StoreError, context};
use async_trait::async_trait;
use skep_domain::{
    access::Resource,
    jobs::{Job, JobId, JobKind, JobState, Priority, Queue, QueueId, QueueName},
    shared::{Lease, Timestamp, UserId, Version, named},
};

context! {
    /// The repositories that a command of jobs can use.
    unit JobsTx {
        /// Jobs in every state.
        jobs: JobRepository by MockJobRepository,
        /// The settings of queues.
        queues: QueueRepository by MockQueueRepository,
        /// Schedules, also those that are paused or done.
        schedules: ScheduleRepository by MockScheduleRepository,
    }
    #[cfg(any(test, feature = "testing"))]
    mocks MockJobsTx of JobsMocks
    /// The ports of a store that read jobs.
    store JobsStore: JobQueries, QueueQueries, ScheduleQueries, Signaling
}

/// Jobs and queues belong to the operators, so the role alone decides.
impl Guarded for Job {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

impl Guarded for Queue {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

/// Reads and writes jobs inside a unit of work. A unit of any context can store jobs with it.
///
/// 1. `insert` stores the job, unless another one holds its unique key ([`Job::held_key`]). It then stores nothing and
///    returns the other one. From then on to the end of the unit, no other unit stores a job that holds the key: the
///    other unit waits, or one of the two ends with `Retry`.
/// 2. Between `find`, `find_many`, `list_available` or `list_due` and the end of the unit, no other unit saves the
///    returned jobs. The other unit waits, or one of the two ends with `Stale` or `Retry`.
/// 3. `list_available` returns available jobs of the queue in the order of their priority, `ready_at` and id. It leaves
///    out jobs that other units have locked, jobs whose ordering key a running job of any queue has, and all but the
///    first of several jobs of the queue with one ordering key (J7).
/// 4. `list_due` returns scheduled and retryable jobs whose `ready_at` is `now` or before, in the order of `ready_at`.
///    It leaves out jobs that other units have locked.
/// 5. Two running jobs never have the same ordering key: `save_many` fails with `Duplicate` of `JOB_RUNNING_KEY`, or one
///    of the units ends with `Retry`.
/// 6. `save_many` fails with `Duplicate` of `JOB_UNIQUE_KEY` if another job holds the unique key of a saved one.
/// 7. `sweep` deletes only jobs in this state that finished at or before `until`, oldest first.
///
/// The costs of `list_available` and `list_due` do not depend on the jobs that are scheduled for later, or that have
/// ended.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait JobRepository: Send {
    /// Stores a new job, or returns the one that holds its unique key. `Duplicate` of `JOB_ID`.
    async fn insert(&mut self, job: &Job) -> Result<Option<Job>, StoreError>;
    /// The job with this id.
    async fn find(&mut self, id: JobId) -> Result<Option<Job>, StoreError>;
    /// The existing jobs with these ids, in any order. One statement for any number of ids.
    async fn find_many(&mut self, ids: &[JobId]) -> Result<Vec<Job>, StoreError>;
    /// At most `limit` jobs of this queue that a worker may claim now.
    async fn list_available(&mut self, queue: &QueueName, limit: u32) -> Result<Vec<Job>, StoreError>;
    /// At most `limit` jobs whose time has come.
    async fn list_due(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Job>, StoreError>;
    /// Replaces the versions that were read; the version of each job increases by one. The kind, the queue, the
    /// arguments, the owner and the origin never change. `Stale`, `Duplicate`.
    async fn save_many(&mut self, jobs: &[Job]) -> Result<(), StoreError>;
    /// The number of jobs of this kind and owner that wait, up to `bound`.
    async fn count_waiting(&mut self, owner: UserId, kind: &JobKind, bound: u32) -> Result<u64, StoreError>;
    /// The number of jobs of this queue that run, up to `bound`.
    async fn count_running(&mut self, queue: &QueueName, bound: u32) -> Result<u64, StoreError>;
    /// Deletes at most `limit` jobs, and returns how many.
    async fn sweep(&mut self, state: JobState, until: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// Reads and writes the settings of queues inside a unit of work.
///
/// 1. From `hold` to the end of the unit, no other unit holds the queue: the other unit waits, or one of the two ends
///    with `Retry`. What the unit reads after `hold` has the changes of every unit that has held the queue before.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait QueueRepository: Send {
    /// The queue with this name.
    async fn find(&mut self, name: &QueueName) -> Result<Option<Queue>, StoreError>;
    /// Keeps other units from holding this queue. It changes neither the queue nor its version.
    async fn hold(&mut self, id: QueueId) -> Result<(), StoreError>;
    /// Stores a new queue. `Duplicate` of `QUEUE_ID` or `QUEUE_NAME`.
    async fn insert(&mut self, queue: &Queue) -> Result<(), StoreError>;
    /// Replaces the version that was read, and returns the new version. `Stale`.
    async fn save(&mut self, queue: &Queue) -> Result<Version, StoreError>;
}

named! {
    /// The keys that jobs can be sorted by. Clients pass the name.
    JobSortKey {
        /// The time of creation.
        CreatedAt = "created_at",
    }
}

/// The sort key and direction of a list of jobs.
pub type JobSort = Sort<JobSortKey>;

/// The jobs of a list. An absent value admits every job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFilter {
    /// The state of the jobs.
    pub state: Option<JobState>,
    /// The queue of the jobs.
    pub queue: Option<QueueName>,
    /// The kind of the jobs.
    pub kind: Option<JobKind>,
}

impl JobFilter {
    /// Whether the list has this job.
    #[must_use]
    pub fn admits(&self, job: &Job) -> bool {
        self.state.is_none_or(|state| state == job.state)
            && self.queue.as_ref().is_none_or(|queue| *queue == job.queue)
            && self.kind.as_ref().is_none_or(|kind| *kind == job.kind)
    }
}

/// A job in a list: without its arguments, its output and its failures, which may be long.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JobSummary {
    /// The identifier.
    pub id: JobId,
    /// Decides the handler.
    pub kind: JobKind,
    /// Where it waits.
    pub queue: QueueName,
    /// Which jobs of the queue are claimed first.
    pub priority: Priority,
    /// Whether it waits, runs or has ended.
    pub state: JobState,
    /// The earliest time of the next attempt. In a final state it is the time of the last one.
    pub ready_at: Timestamp,
    /// The number of attempts that were begun and counted.
    pub attempt: u32,
    /// The greatest number of attempts.
    pub max_attempts: u32,
    /// The user whose request caused the job.
    pub owner_id: Option<UserId>,
    /// When a caller asked the running job to stop.
    pub cancel_requested_at: Option<Timestamp>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it reached its final state.
    pub finished_at: Option<Timestamp>,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl From<&Job> for JobSummary {
    fn from(job: &Job) -> Self {
        Self {
            id: job.id,
            kind: job.kind.clone(),
            queue: job.queue.clone(),
            priority: job.priority,
            state: job.state,
            ready_at: job.ready_at,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            owner_id: job.owner_id,
            cancel_requested_at: job.cancel_requested_at,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            version: job.version,
        }
    }
}

impl JobSortKey {
    /// The place of a job in a list that is sorted by this key.
    #[must_use]
    pub fn position(self, job: &JobSummary) -> Position {
        match self {
            Self::CreatedAt => Position { key: SortValue::Time(job.created_at), id: job.id.uuid() },
        }
    }
}

/// Reads jobs outside a unit of work.
///
/// 1. `list_held` returns exactly the running jobs. Its cost does not depend on the others.
/// 2. `next_ready_at` returns the earliest `ready_at` of all scheduled and retryable jobs.
/// 3. `list_ready` returns the jobs that `list_available` would return in a unit that is alone, in the same order and at the
///    same cost, and locks nothing.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait JobQueries: Send + Sync {
    /// The job with this id.
    async fn find_job(&self, id: JobId) -> Result<Option<Job>, StoreError>;
    /// The existing jobs with these ids, in any order. One statement for any number of ids.
    async fn find_jobs(&self, ids: &[JobId]) -> Result<Vec<Job>, StoreError>;
    /// At most `limit` jobs of this queue that a worker may claim now.
    async fn list_ready(&self, queue: &QueueName, limit: u32) -> Result<Vec<ReadyJob>, StoreError>;
    /// A page of the jobs that the filter admits. It is empty if the key of the position has another type than the sort
    /// key.
    async fn list_jobs(
        &self,
        filter: &JobFilter,
        sort: JobSort,
        page: &PageRequest,
    ) -> Result<Page<JobSummary>, StoreError>;
    /// The running jobs with their leases.
    async fn list_held(&self) -> Result<Vec<(JobId, Lease)>, StoreError>;
    /// The time at which the next job becomes due; `None` if none waits for its time.
    async fn next_ready_at(&self) -> Result<Option<Timestamp>, StoreError>;
}

/// The number of jobs of a queue, each up to a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueCounts {
    /// Jobs that a worker could claim now.
    pub available: u64,
    /// The `ready_at` of the available job that has waited longest.
    pub oldest_ready_at: Option<Timestamp>,
    /// Jobs that workers hold.
    pub running: u64,
}

/// Reads queues outside a unit of work.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait QueueQueries: Send + Sync {
    /// The queue with this name, if it has settings.
    async fn find_queue(&self, name: &QueueName) -> Result<Option<Queue>, StoreError>;
    /// At most `limit` queues that have settings, in the order of their names.
    async fn list_queues(&self, limit: u32) -> Result<Vec<Queue>, StoreError>;
    /// At most `limit` names of queues that have available jobs but no settings, in their order: no worker serves them. The
    /// cost depends on the number of queues with available jobs, and not on the number of jobs.
    async fn list_unopened(&self, limit: u32) -> Result<Vec<QueueName>, StoreError>;
    /// The numbers of jobs of this queue, each up to `bound`.
    async fn count_jobs(&self, queue: &QueueName, bound: u32) -> Result<QueueCounts, StoreError>;
}
