//! The table of jobs, and how its rows are read.

use crate::{
    Kind, Row,
    shape::Verb,
    stored::{RowId, Stored, json},
    table::Table,
};
use skep_application::{
    jobs::{JobSummary, ReadyJob, constraints},
    kernel::StoreError,
};
use skep_domain::{
    jobs::{
        Job, JobArgs, JobId, JobKind, JobOrigin, JobState, JobStates, OrderingKey, Priority, QueueName, UniqueKey,
        Uniqueness,
    },
    shared::{Lease, UserId},
};
use std::sync::LazyLock;

/// The last column of a [`JobSummary`].
pub(super) const LAST_OF_SUMMARY: &str = "version";

/// The columns of a [`JobSummary`] are the first ones.
pub(super) static JOBS: LazyLock<Table<Job>> = LazyLock::new(|| {
    Table::<Job>::new("jobs", "jobs.job", constraints::JOB_ID)
        .key("id", Kind::Uuid, |job| job.id.uuid().into())
        .fixed("kind", Kind::Text, |job| job.kind.as_str().into())
        .fixed("queue", Kind::Text, |job| job.queue.as_str().into())
        .column("priority", Kind::Int, |job| i64::from(job.priority.get()).into())
        .column("state", Kind::Text, |job| job.state.name().into())
        .column("ready_at", Kind::Time, |job| job.ready_at.into())
        .column("attempt", Kind::Int, |job| job.attempt.into())
        .column("max_attempts", Kind::Int, |job| job.max_attempts.into())
        .fixed("owner_id", Kind::Uuid, |job| job.owner_id.into())
        .nullable()
        .column("cancel_requested_at", Kind::Time, |job| job.cancel_requested_at.into())
        .nullable()
        .fixed("created_at", Kind::Time, |job| job.created_at.into())
        .column("started_at", Kind::Time, |job| job.started_at.into())
        .nullable()
        .column("finished_at", Kind::Time, |job| job.finished_at.into())
        .nullable()
        .version(|job| job.version)
        .fixed("args", Kind::Text, |job| job.args.as_str().into())
        .column("lost", Kind::Int, |job| job.lost.into())
        .column("lease_token", Kind::Uuid, |job| job.lease.map(|lease| lease.token.uuid()).into())
        .nullable()
        .column("lease_beat", Kind::Int, |job| job.lease.map(|lease| lease.beat).into())
        .nullable()
        .column("unique_key", Kind::Text, |job| job.unique.as_ref().map(|unique| unique.key.as_str()).into())
        .nullable()
        .column("unique_states", Kind::Int, |job| {
            job.unique.as_ref().map(|unique| i64::from(unique.states.bits())).into()
        })
        .nullable()
        .column("held_key", Kind::Text, |job| job.held_key().map(UniqueKey::as_str).into())
        .nullable()
        .column("ordering_key", Kind::Text, |job| job.ordering_key.as_ref().map(OrderingKey::as_str).into())
        .nullable()
        .fixed("request_id", Kind::Text, |job| job.origin.request_id.as_str().into())
        .fixed("traceparent", Kind::Text, |job| job.origin.traceparent.as_deref().into())
        .nullable()
        .column("progress", Kind::Text, |job| job.progress.as_ref().map(json).into())
        .nullable()
        .column("output", Kind::Text, |job| job.output.as_deref().into())
        .nullable()
        .column("failures", Kind::Text, |job| json(&job.failures).into())
        .unique(constraints::JOB_UNIQUE_KEY, &["held_key"])
        .unique(constraints::JOB_RUNNING_KEY, &["ordering_key"])
        .offers(&[Verb::Find, Verb::FindMany, Verb::SaveMany])
});

const fn row_id(id: JobId) -> RowId<JobId> {
    RowId("jobs", id)
}

impl Stored for JobSummary {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = JobId::new(row.uuid()?);
        let row_id = row_id(id);
        Ok(Self {
            id,
            kind: JobKind::stored(row.text()?),
            queue: QueueName::stored(row.text()?),
            priority: row_id.read("priority", Priority::new(row.int()?))?,
            state: row_id.read("state", JobState::from_name(&row.text()?))?,
            ready_at: row.time()?,
            attempt: row_id.count("attempt", row.int()?)?,
            max_attempts: row_id.count("max_attempts", row.int()?)?,
            owner_id: row.optional_uuid()?.map(UserId::new),
            cancel_requested_at: row.optional_time()?,
            created_at: row.time()?,
            started_at: row.optional_time()?,
            finished_at: row.optional_time()?,
            version: row_id.version(row.int()?)?,
        })
    }
}

impl Stored for Job {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let summary = JobSummary::read(row)?;
        let row_id = row_id(summary.id);
        Ok(Self {
            id: summary.id,
            kind: summary.kind,
            queue: summary.queue,
            priority: summary.priority,
            state: summary.state,
            ready_at: summary.ready_at,
            attempt: summary.attempt,
            max_attempts: summary.max_attempts,
            owner_id: summary.owner_id,
            cancel_requested_at: summary.cancel_requested_at,
            created_at: summary.created_at,
            started_at: summary.started_at,
            finished_at: summary.finished_at,
            version: summary.version,
            args: JobArgs::stored(row.text()?),
            lost: row_id.count("lost", row.int()?)?,
            lease: row_id.lease(row)?,
            unique: read_unique(&row_id, row)?,
            ordering_key: read_ordering_key(row)?,
            origin: JobOrigin { request_id: row.text()?, traceparent: row.optional_text()? },
            progress: row.optional_text()?.map(|text| row_id.json("progress", &text)).transpose()?,
            output: row.optional_text()?,
            failures: row_id.json("failures", &row.text()?)?,
        })
    }
}

/// The id and the lease of a running job.
pub(super) fn read_held(row: &mut Row) -> Result<(JobId, Lease), StoreError> {
    let id = JobId::new(row.uuid()?);
    let row_id = row_id(id);
    Ok((id, row_id.read("lease_token", row_id.lease(row)?)?))
}

/// What a queue outside of the store needs of an available job.
pub(super) fn read_ready(row: &mut Row) -> Result<ReadyJob, StoreError> {
    let id = JobId::new(row.uuid()?);
    let row_id = row_id(id);
    let version = row_id.version(row.int()?)?;
    let priority = row_id.read("priority", Priority::new(row.int()?))?;
    Ok(ReadyJob { id, version, priority, ready_at: row.time()? })
}

fn read_unique(row_id: &RowId<JobId>, row: &mut Row) -> Result<Option<Uniqueness>, StoreError> {
    let unique = row_id.both("unique_states", (row.optional_text()?, row.optional_int()?))?;
    let read = |(key, bits)| {
        let states = row_id.read("unique_states", JobStates::from_bits(bits))?;
        Ok(Uniqueness { key: UniqueKey::stored(key), states })
    };
    unique.map(read).transpose()
}

/// Leaves out the held key, which follows from the unique key and the state.
fn read_ordering_key(row: &mut Row) -> Result<Option<OrderingKey>, StoreError> {
    row.optional_text()?;
    Ok(row.optional_text()?.map(OrderingKey::stored))
}
