//! The body of jobs.

use crate::parts::{Id, SelfLink, path_of};
use poem_openapi::Object;
use serde::Serialize;
use serde_json::Value;
use skep_application::jobs::{JobSummary, JobView, as_json};
use skep_domain::{
    jobs::{Failure, JobId, Progress},
    shared::UserId,
};

/// The path of the jobs.
pub(super) const JOBS: &str = "/api/v1/jobs";

/// A background job. A list leaves out `args`, `progress`, `output`, `failures`, the keys and `request_id`.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Job")]
pub(super) struct JobBody {
    /// The id of the job.
    id: Id<JobId>,
    /// What the job does.
    kind: String,
    /// The name of the queue that it waits in.
    queue: String,
    /// The order of jobs that wait in a queue: 1 first, 4 last.
    priority: u32,
    /// `available` (waits for a worker), `scheduled` (waits for its time), `running`, `retryable` (has failed and waits
    /// for its next attempt), `completed`, `cancelled`, or `discarded` (has failed and is not tried again).
    state: String,
    /// The earliest time of the next attempt. In a final state it is the time of the last one.
    ready_at: String,
    /// The number of attempts that were begun and counted.
    attempt: u32,
    /// The greatest number of attempts.
    max_attempts: u32,
    /// The id of the user whose request caused the job; absent if none did.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<Id<UserId>>,
    /// The time at which the running job was asked to stop; absent if it was not.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_requested_at: Option<String>,
    /// The time at which the job was stored.
    created_at: String,
    /// The time at which its last attempt began; absent before the first one.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    /// The time at which it reached its final state; absent before that.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    /// The arguments, any JSON value.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Value>,
    /// How far the last attempt came; absent if it has not reported that.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<JobProgress>,
    /// The result of a completed job, any JSON value; absent if it has none.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    /// The last failures, oldest first, at most 10.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<Vec<JobFailure>>,
    /// The key of which at most one job may exist; absent if it has none.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_key: Option<String>,
    /// Jobs with the same key run one after the other; absent if it has none.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    ordering_key: Option<String>,
    /// The id of the request that caused the job.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// The path of the job.
    links: SelfLink,
}

/// How far an attempt has come.
#[derive(Debug, Object, Serialize)]
struct JobProgress {
    /// 0 to 100.
    percent: u32,
    /// A short text for people; may be empty.
    message: String,
    /// The state from which the next attempt goes on, any JSON value; absent if the attempt has stored no state.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<Value>,
}

/// A failed attempt.
#[derive(Debug, Object, Serialize)]
struct JobFailure {
    /// The number of the attempt, counted from 1.
    attempt: u32,
    /// The time at which it failed.
    failed_at: String,
    /// Why it failed.
    message: String,
}

impl From<Progress> for JobProgress {
    fn from(Progress { percent, message, checkpoint }: Progress) -> Self {
        Self { percent: percent.into(), message, checkpoint: checkpoint.map(|text| as_json(&text)) }
    }
}

impl From<Failure> for JobFailure {
    fn from(Failure { attempt, at, message }: Failure) -> Self {
        Self { attempt, failed_at: at.to_string(), message }
    }
}

impl From<JobSummary> for JobBody {
    fn from(job: JobSummary) -> Self {
        Self {
            id: Id(job.id),
            kind: job.kind.into_string(),
            queue: job.queue.into_string(),
            priority: job.priority.get().into(),
            state: job.state.name().to_owned(),
            ready_at: job.ready_at.to_string(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            owner_id: job.owner_id.map(Id),
            cancel_requested_at: job.cancel_requested_at.map(|at| at.to_string()),
            created_at: job.created_at.to_string(),
            started_at: job.started_at.map(|at| at.to_string()),
            finished_at: job.finished_at.map(|at| at.to_string()),
            args: None,
            progress: None,
            output: None,
            failures: None,
            unique_key: None,
            ordering_key: None,
            request_id: None,
            links: SelfLink::to(path_of(JOBS, job.id, "")),
        }
    }
}

impl From<JobView> for JobBody {
    fn from(job: JobView) -> Self {
        Self {
            args: Some(as_json(&job.args)),
            progress: job.progress.map(Into::into),
            output: job.output.map(|text| as_json(&text)),
            failures: Some(job.failures.into_iter().map(Into::into).collect()),
            unique_key: job.unique_key,
            ordering_key: job.ordering_key,
            request_id: Some(job.request_id),
            ..Self::from(job.summary)
        }
    }
}
