//! A job, as use cases return it.

use super::JobSummary;
use serde_json::Value;
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
            args: job.args.into_string(),
            progress: job.progress,
            output: job.output,
            failures: job.failures,
            unique_key: job.unique.map(|unique| unique.key.into_string()),
            ordering_key: job.ordering_key.map(skep_domain::jobs::OrderingKey::into_string),
            request_id: job.origin.request_id,
        }
    }
}

/// The value that a JSON text of a job is written for, to show it. A text that is not JSON is shown as it is, because a
/// program may have stored it.
#[must_use]
pub fn as_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stored_texts_are_shown_as_the_values_that_they_are_written_for() {
        for (text, shown) in [
            (r#"{"a":[1,null]}"#, json!({ "a": [1, null] })),
            ("18446744073709551615", json!(u64::MAX)),
            ("null", Value::Null),
            ("not json", json!("not json")),
        ] {
            assert_eq!(as_json(text), shown);
        }
    }
}
