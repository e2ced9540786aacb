//! The documents of jobs.

use crate::record::{
    self, LeaseDoc, Record, Stored, Unreadable, Versioned, counter, date, optional_time, time, version,
};
use bson::DateTime;
use serde::{Deserialize, Serialize};
use skep_application::jobs::{JobSummary, ReadyJob};
use skep_domain::{
    jobs::{
        Failure, Job, JobArgs, JobId, JobKind, JobOrigin, JobState, JobStates, OrderingKey, Priority, Progress,
        QueueName, UniqueKey, Uniqueness,
    },
    shared::{Lease, Timestamp, UserId},
};

/// The fields that lists read.
#[derive(Serialize, Deserialize)]
pub(super) struct SummaryDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    kind: String,
    queue: String,
    priority: i64,
    state: String,
    ready_at: DateTime,
    attempt: i64,
    max_attempts: i64,
    owner_id: Option<bson::Uuid>,
    cancel_requested_at: Option<DateTime>,
    created_at: DateTime,
    started_at: Option<DateTime>,
    finished_at: Option<DateTime>,
    version: i64,
}

impl SummaryDoc {
    fn of(job: &Job) -> Self {
        Self {
            id: record::id(job.id.uuid()),
            kind: job.kind.as_str().to_owned(),
            queue: job.queue.as_str().to_owned(),
            priority: job.priority.get().into(),
            state: job.state.name().to_owned(),
            ready_at: date(job.ready_at),
            attempt: job.attempt.into(),
            max_attempts: job.max_attempts.into(),
            owner_id: job.owner_id.map(|owner| record::id(owner.uuid())),
            cancel_requested_at: job.cancel_requested_at.map(date),
            created_at: date(job.created_at),
            started_at: job.started_at.map(date),
            finished_at: job.finished_at.map(date),
            version: job.version.get(),
        }
    }
}

impl Record for SummaryDoc {
    const COLLECTION: &'static str = JobDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&[
        "kind",
        "queue",
        "priority",
        "state",
        "ready_at",
        "attempt",
        "max_attempts",
        "owner_id",
        "cancel_requested_at",
        "created_at",
        "started_at",
        "finished_at",
        "version",
    ]);
    type Entity = JobSummary;
    fn read(self) -> Result<JobSummary, Unreadable> {
        Ok(JobSummary {
            id: JobId::new(self.id.to_uuid_1()),
            kind: JobKind::stored(self.kind),
            queue: QueueName::stored(self.queue),
            priority: Priority::new(self.priority).ok_or("unknown priority")?,
            state: JobState::from_name(&self.state).ok_or("unknown state")?,
            ready_at: time(self.ready_at)?,
            attempt: counter(self.attempt)?,
            max_attempts: counter(self.max_attempts)?,
            owner_id: self.owner_id.map(|owner| UserId::new(owner.to_uuid_1())),
            cancel_requested_at: optional_time(self.cancel_requested_at)?,
            created_at: time(self.created_at)?,
            started_at: optional_time(self.started_at)?,
            finished_at: optional_time(self.finished_at)?,
            version: version(self.version)?,
        })
    }
}

/// A whole job.
#[derive(Serialize, Deserialize)]
pub(super) struct JobDoc {
    #[serde(flatten)]
    summary: SummaryDoc,
    args: String,
    lost: i64,
    lease: Option<LeaseDoc>,
    unique: Option<UniqueDoc>,
    /// The unique key, in the states in which the job holds it.
    held_key: Option<String>,
    ordering_key: Option<String>,
    origin: OriginDoc,
    progress: Option<ProgressDoc>,
    output: Option<String>,
    failures: Vec<FailureDoc>,
}

#[derive(Serialize, Deserialize)]
struct UniqueDoc {
    key: String,
    states: i64,
}

#[derive(Serialize, Deserialize)]
struct OriginDoc {
    request_id: String,
    traceparent: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ProgressDoc {
    percent: i64,
    message: String,
    checkpoint: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct FailureDoc {
    attempt: i64,
    at: DateTime,
    message: String,
}

impl Stored for JobDoc {
    fn of(job: &Job) -> Self {
        Self {
            summary: SummaryDoc::of(job),
            args: job.args.as_str().to_owned(),
            lost: job.lost.into(),
            lease: job.lease.map(LeaseDoc::from),
            unique: job.unique.as_ref().map(UniqueDoc::from),
            held_key: job.held_key().map(|key| key.as_str().to_owned()),
            ordering_key: job.ordering_key.as_ref().map(|key| key.as_str().to_owned()),
            origin: OriginDoc {
                request_id: job.origin.request_id.clone(),
                traceparent: job.origin.traceparent.clone(),
            },
            progress: job.progress.as_ref().map(ProgressDoc::from),
            output: job.output.clone(),
            failures: job.failures.iter().map(FailureDoc::from).collect(),
        }
    }
}

impl Versioned for JobDoc {
    /// All except the id and the fields that never change.
    const SAVED: Option<&'static [&'static str]> = Some(&[
        "priority",
        "state",
        "ready_at",
        "attempt",
        "max_attempts",
        "lost",
        "lease",
        "unique",
        "held_key",
        "ordering_key",
        "progress",
        "cancel_requested_at",
        "output",
        "failures",
        "started_at",
        "finished_at",
    ]);
}

impl Record for JobDoc {
    const COLLECTION: &'static str = "jobs";
    type Entity = Job;
    fn read(self) -> Result<Job, Unreadable> {
        let summary = self.summary.read()?;
        Ok(Job {
            id: summary.id,
            kind: summary.kind,
            queue: summary.queue,
            args: JobArgs::stored(self.args),
            priority: summary.priority,
            state: summary.state,
            ready_at: summary.ready_at,
            attempt: summary.attempt,
            max_attempts: summary.max_attempts,
            lost: counter(self.lost)?,
            lease: self.lease.map(LeaseDoc::read).transpose()?,
            unique: self.unique.map(UniqueDoc::read).transpose()?,
            ordering_key: self.ordering_key.map(OrderingKey::stored),
            owner_id: summary.owner_id,
            origin: JobOrigin { request_id: self.origin.request_id, traceparent: self.origin.traceparent },
            progress: self.progress.map(ProgressDoc::read).transpose()?,
            cancel_requested_at: summary.cancel_requested_at,
            output: self.output,
            failures: self.failures.into_iter().map(FailureDoc::read).collect::<Result<_, _>>()?,
            created_at: summary.created_at,
            started_at: summary.started_at,
            finished_at: summary.finished_at,
            version: summary.version,
        })
    }
}

impl From<&Uniqueness> for UniqueDoc {
    fn from(unique: &Uniqueness) -> Self {
        Self { key: unique.key.as_str().to_owned(), states: unique.states.bits().into() }
    }
}

impl UniqueDoc {
    fn read(self) -> Result<Uniqueness, Unreadable> {
        let states = JobStates::from_bits(self.states).ok_or("unknown states")?;
        Ok(Uniqueness { key: UniqueKey::stored(self.key), states })
    }
}

impl From<&Progress> for ProgressDoc {
    fn from(progress: &Progress) -> Self {
        let Progress { percent, message, checkpoint } = progress.clone();
        Self { percent: percent.into(), message, checkpoint }
    }
}

impl ProgressDoc {
    fn read(self) -> Result<Progress, Unreadable> {
        let percent = u8::try_from(self.percent).map_err(|_| "percent out of range")?;
        Ok(Progress { percent, message: self.message, checkpoint: self.checkpoint })
    }
}

impl From<&Failure> for FailureDoc {
    fn from(failure: &Failure) -> Self {
        Self { attempt: failure.attempt.into(), at: date(failure.at), message: failure.message.clone() }
    }
}

impl FailureDoc {
    fn read(self) -> Result<Failure, Unreadable> {
        Ok(Failure { attempt: counter(self.attempt)?, at: time(self.at)?, message: self.message })
    }
}

/// The claim of a running job.
#[derive(Deserialize)]
pub(super) struct HeldDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    lease: LeaseDoc,
}

impl Record for HeldDoc {
    const COLLECTION: &'static str = JobDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&["lease"]);
    type Entity = (JobId, Lease);
    fn read(self) -> Result<(JobId, Lease), Unreadable> {
        Ok((JobId::new(self.id.to_uuid_1()), self.lease.read()?))
    }
}

/// What a queue outside of the store needs of an available job, and its ordering key.
#[derive(Deserialize)]
pub(super) struct AvailableDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    priority: i64,
    ready_at: DateTime,
    version: i64,
    ordering_key: Option<String>,
}

impl Record for AvailableDoc {
    const COLLECTION: &'static str = JobDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&["priority", "ready_at", "version", "ordering_key"]);
    type Entity = (ReadyJob, Option<OrderingKey>);
    fn read(self) -> Result<Self::Entity, Unreadable> {
        let ready = ReadyJob {
            id: JobId::new(self.id.to_uuid_1()),
            version: version(self.version)?,
            priority: Priority::new(self.priority).ok_or("unknown priority")?,
            ready_at: time(self.ready_at)?,
        };
        Ok((ready, self.ordering_key.map(OrderingKey::stored)))
    }
}

/// The earliest time of the next attempt.
#[derive(Deserialize)]
pub(super) struct ReadyDoc {
    ready_at: DateTime,
}

impl Record for ReadyDoc {
    const COLLECTION: &'static str = JobDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&["ready_at"]);
    type Entity = Timestamp;
    fn read(self) -> Result<Timestamp, Unreadable> {
        time(self.ready_at)
    }
}

/// Where a job waits.
#[derive(Deserialize)]
pub(super) struct WaitsInDoc {
    queue: String,
}

impl Record for WaitsInDoc {
    const COLLECTION: &'static str = JobDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&["queue"]);
    type Entity = QueueName;
    fn read(self) -> Result<QueueName, Unreadable> {
        Ok(QueueName::stored(self.queue))
    }
}
