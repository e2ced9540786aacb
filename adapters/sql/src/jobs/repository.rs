//! Jobs inside and outside of units of work, except their lists.

use super::table::{JOBS, read_held, read_ready};
use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args, declared::Declared, jobs::job_list, statement::A_SWEEP,
    stored::Stored,
};
use async_trait::async_trait;
use skep_application::{
    jobs::{JobFilter, JobQueries, JobRepository, JobSort, JobSummary, ReadyJob},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    jobs::{Job, JobId, JobKind, JobState, QueueName},
    shared::{Lease, Timestamp, UserId},
};
use std::sync::LazyLock;

/// Waits for a parallel unit that stores a job with the same key. Changes no row if another job holds the key.
static INSERT: LazyLock<Statement> = LazyLock::new(|| {
    let text = "INSERT INTO jobs ({*}) VALUES ({values}) ON CONFLICT (held_key) WHERE held_key IS NOT NULL DO NOTHING";
    JOBS.command("insert", text, &JOBS.kinds(), &[])
});
/// As long as the holder is locked, it keeps the key.
static LOCK_HOLDER: LazyLock<Statement> = LazyLock::new(|| {
    JOBS.query("lock_holder", "SELECT {*} FROM jobs WHERE held_key = $1 {for update}", &[Kind::Text], &[])
});
/// PostgreSQL sorts before it locks, so every unit locks in the order of the ids.
static LOCK: LazyLock<Statement> = LazyLock::new(|| {
    JOBS.query("lock", "SELECT {*} FROM {jobs by id in $1} ORDER BY id {for update}", &[Kind::Uuids], &[])
});
/// The conditions on `state` and for NULL, here and below, are those of the partial indexes, so that they are used. A
/// job that was changed before it is locked is compared with the conditions again, so it is still available. Another
/// job with its ordering key may run meanwhile; then the save fails with the rule on running keys.
static LIST_AVAILABLE: LazyLock<Statement> = LazyLock::new(|| {
    JOBS.query("list_available", &available("{*}", " {for update skip locked}"), &[Kind::Text, Kind::Int], &[])
});
static LIST_READY: LazyLock<Statement> = LazyLock::new(|| {
    const COLUMNS: &[Kind] = &[Kind::Uuid, Kind::Int, Kind::Int, Kind::Time];
    JOBS.command("list_ready", &available("id, version, priority, ready_at", ""), &[Kind::Text, Kind::Int], COLUMNS)
});
static LIST_DUE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM jobs WHERE state IN ('scheduled', 'retryable') AND ready_at <= $1 \
        ORDER BY ready_at, id LIMIT $2 {for update skip locked}";
    JOBS.query("list_due", text, &[Kind::Time, Kind::Int], &[])
});
static COUNT_WAITING: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state IN ('available', 'scheduled', 'retryable') \
        AND owner_id IS NOT NULL AND owner_id = $1 AND kind = $2 ORDER BY id LIMIT $3) AS counted";
    JOBS.command("count_waiting", text, &[Kind::Uuid, Kind::Text, Kind::Int], &[Kind::Int])
});
static COUNT_RUNNING: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = 'running' AND queue = $1 ORDER BY id LIMIT $2) \
        AS counted";
    JOBS.command("count_running", text, &[Kind::Text, Kind::Int], &[Kind::Int])
});
static SWEEP: Statement = Statement::per(
    "jobs.job.sweep",
    A_SWEEP,
    (
        "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE finished_at IS NOT NULL AND state = $1 \
         AND finished_at <= $2 ORDER BY finished_at, id LIMIT $3)",
        "DELETE FROM jobs WHERE id = ANY (ARRAY(SELECT id FROM jobs WHERE finished_at IS NOT NULL AND state = $1 \
         AND finished_at <= $2 ORDER BY finished_at, id LIMIT $3 FOR UPDATE SKIP LOCKED))",
    ),
    &[Kind::Text, Kind::Time, Kind::Int],
    &[],
);
static LIST_HELD: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT id, lease_token, lease_beat FROM jobs WHERE state = 'running'";
    JOBS.command("list_held", text, &[], &[Kind::Uuid, Kind::Uuid, Kind::Int])
});
static NEXT_READY_AT: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT ready_at FROM jobs WHERE state IN ('scheduled', 'retryable') ORDER BY ready_at LIMIT 1";
    JOBS.command("next_ready_at", text, &[], &[Kind::Time])
});

/// Reads these columns of the jobs that a worker may claim.
fn available(columns: &str, lock: &str) -> String {
    format!(
        "SELECT {columns} FROM jobs AS job WHERE state = 'available' AND queue = $1 AND (ordering_key IS NULL OR NOT \
        EXISTS (SELECT 1 FROM jobs AS earlier WHERE earlier.state = 'available' AND earlier.ordering_key IS NOT NULL \
        AND earlier.ordering_key = job.ordering_key AND earlier.queue = job.queue \
        AND (earlier.priority, earlier.ready_at, earlier.id) < (job.priority, job.ready_at, job.id)) \
        AND NOT EXISTS (SELECT 1 FROM jobs AS running WHERE running.state = 'running' \
        AND running.ordering_key IS NOT NULL AND running.ordering_key = job.ordering_key)) \
        ORDER BY priority, ready_at, id LIMIT $2{lock}"
    )
}

pub(super) fn declared() -> Declared {
    let locking = [&*INSERT, &*LOCK_HOLDER, &*LOCK, &*LIST_AVAILABLE, &*LIST_DUE];
    Declared::table(&JOBS).statements(locking).statements([
        &*COUNT_WAITING,
        &*COUNT_RUNNING,
        &SWEEP,
        &*LIST_HELD,
        &*NEXT_READY_AT,
        &*LIST_READY,
    ])
}

#[async_trait]
impl JobRepository for SqlUnit {
    async fn insert(&mut self, job: &Job) -> Result<Option<Job>, StoreError> {
        self.announcement.jobs |= job.lets_claim();
        if self.change(&INSERT, JOBS.row_of(job)).await? > 0 {
            return Ok(None);
        }
        let key = job.held_key().map(|key| key.as_str());
        let holder = self.row(&LOCK_HOLDER, args![key], Job::read).await?;
        // The insert has just found it.
        let gone = || StoreError::Retry("the holder of the unique key let go of it meanwhile".into());
        self.remember(holder.ok_or_else(gone)).map(Some)
    }

    async fn find(&mut self, id: JobId) -> Result<Option<Job>, StoreError> {
        Ok(self.find_many(&[id]).await?.pop())
    }

    async fn find_many(&mut self, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        let ids = ids.iter().map(|id| id.uuid()).collect();
        if self.writes() { self.rows(&LOCK, args![ids], Job::read).await } else { JOBS.find_many(self, ids).await }
    }

    async fn list_available(&mut self, queue: &QueueName, limit: u32) -> Result<Vec<Job>, StoreError> {
        let mut jobs = self.rows(&LIST_AVAILABLE, args![queue.as_str(), limit], Job::read).await?;
        // PostgreSQL sorts before it locks, so a job that was changed in between may have another place.
        jobs.sort_by_key(|job| (job.priority, job.ready_at, job.id));
        Ok(jobs)
    }

    async fn list_due(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Job>, StoreError> {
        let mut jobs = self.rows(&LIST_DUE, args![now, limit], Job::read).await?;
        jobs.sort_by_key(|job| (job.ready_at, job.id)); // as above
        Ok(jobs)
    }

    async fn save_many(&mut self, jobs: &[Job]) -> Result<(), StoreError> {
        self.announcement.jobs |= jobs.iter().any(Job::lets_claim);
        JOBS.save_many(self, jobs).await
    }

    async fn count_waiting(&mut self, owner: UserId, kind: &JobKind, bound: u32) -> Result<u64, StoreError> {
        let waiting = self.row(&COUNT_WAITING, args![owner, kind.as_str(), bound], Row::count).await?;
        Ok(waiting.unwrap_or_default())
    }

    async fn count_running(&mut self, queue: &QueueName, bound: u32) -> Result<u64, StoreError> {
        let running = self.row(&COUNT_RUNNING, args![queue.as_str(), bound], Row::count).await?;
        Ok(running.unwrap_or_default())
    }

    async fn sweep(&mut self, state: JobState, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.change(&SWEEP, args![state.name(), until, limit]).await
    }
}

#[async_trait]
impl JobQueries for SqlStore {
    async fn find_job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        JOBS.look_up(self, id.uuid()).await
    }

    async fn find_jobs(&self, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        JOBS.look_up_many(self, ids.iter().map(|id| id.uuid()).collect()).await
    }

    async fn list_ready(&self, queue: &QueueName, limit: u32) -> Result<Vec<ReadyJob>, StoreError> {
        self.rows(&LIST_READY, args![queue.as_str(), limit], read_ready).await
    }

    async fn list_jobs(
        &self,
        filter: &JobFilter,
        sort: JobSort,
        page: &PageRequest,
    ) -> Result<Page<JobSummary>, StoreError> {
        job_list::page(self, filter, sort, page).await
    }

    async fn list_held(&self) -> Result<Vec<(JobId, Lease)>, StoreError> {
        self.rows(&LIST_HELD, vec![], read_held).await
    }

    async fn next_ready_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.row(&NEXT_READY_AT, vec![], |row| row.time()).await
    }
}
