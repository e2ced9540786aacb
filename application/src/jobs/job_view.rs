//! A job, as use cases return it.

use super::JobSummary;
use skep_domain::jobs::{Failure, Job, Progress};

/// A job with everything that an operator may want to know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JobView {
    /// What a list shows.
    #[serde(flatten)]
    pub summary: JobSummary,
    /// The arguments of the handler, as JSON.
    pub args: String,
    /// How far the last attempt came.
    pub progress: Option<Progress>,
    /// The result, as JSON.
    pub output: Option<String>,
    /// The last failures, oldest first.
    pub failures: Vec<Failure>,
    /// The key of which at most one job may exist.
    pub unique_key: Option<String>,
    /// The key of which at most one job runs at a time.
    pub ordering_key: Option<String>,
    /// The id of the request that caused the job.
    pub request_id: String,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self {
            summary: JobSummary::from(&job),
            args: job.args,
            progress: job.progress,
            output: job.output,
            failures: job.failures,
            unique_key: job.unique.map(|unique| unique.key.into_string()),
            ordering_key: job.ordering_key.map(skep_domain::jobs::OrderingKey::into_string),
            request_id: job.origin.request_id,
        }
    }
}
