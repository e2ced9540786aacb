//! The endpoints of jobs.

use super::dto::{JOBS, JobBody};
use crate::{
    parts::{Filter, FilterOf, Id, IfMatch, List, Listed, RepeatKey, Sent, Shown, SignedIn, SortKey, narrowed},
    problem::Problem,
};
use poem_openapi::{OpenApi, Tags, param::Path, registry::MetaSchema};
use skep_application::jobs::{JobCommand, JobFilter, JobSort, JobSortKey, JobView};
use skep_domain::jobs::{JobId, JobKind, JobState, QueueName};

#[derive(Tags)]
pub(super) enum Tag {
    /// Background jobs and their queues, for operators.
    Jobs,
}

#[derive(Default)]
pub(super) struct JobApi;

impl SortKey for JobSortKey {
    const ALL: &'static [Self] = Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }
}

/// The state that jobs of a list have.
struct State(JobState);

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Filter for State {
    const NAME: &'static str = "state";
    const MEANING: &'static str = "Only jobs in this state. `discarded` has the dead letters.";

    fn schema() -> MetaSchema {
        MetaSchema {
            enum_items: JobState::NAMES.iter().map(|name| (*name).into()).collect(),
            ..MetaSchema::new("string")
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let known = || format!("must be one of {}", JobState::NAMES.join(", "));
        JobState::from_name(text).map(Self).ok_or_else(known)
    }
}

/// The rules of a kind or the name of a queue.
pub(super) fn name_schema() -> MetaSchema {
    let pattern = Some(JobKind::PATTERN.to_owned());
    MetaSchema { min_length: Some(1), max_length: Some(JobKind::MAX), pattern, ..MetaSchema::new("string") }
}

impl Filter for QueueName {
    const NAME: &'static str = "queue";
    const MEANING: &'static str = "Only jobs of this queue.";

    fn schema() -> MetaSchema {
        name_schema()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| error.to_string())
    }
}

impl Filter for JobKind {
    const NAME: &'static str = "kind";
    const MEANING: &'static str = "Only jobs of this kind.";

    fn schema() -> MetaSchema {
        name_schema()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| error.to_string())
    }
}

fn shown(job: JobView) -> Shown<JobBody> {
    Shown::of(job.summary.version, job)
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Jobs")]
impl JobApi {
    /// List jobs
    ///
    /// Lists jobs without their arguments, results and failures. Needs the permission `jobs.job.read`. A cursor belongs
    /// to the filters that it was made with.
    #[oai(path = "/jobs", method = "get", operation_id = "list_jobs")]
    async fn list(
        &self,
        caller: SignedIn,
        Sent(list): List<JobSortKey>,
        Sent(state): FilterOf<State>,
        Sent(queue): FilterOf<QueueName>,
        Sent(kind): FilterOf<JobKind>,
    ) -> Result<Listed<JobBody>, Problem> {
        let list = list.open_narrowed(&caller, JOBS, narrowed(&state, &queue, &kind))?;
        let filter = JobFilter { state: state.0.map(|state| state.0), queue: queue.0, kind: kind.0 };
        let sort = JobSort { key: list.key, direction: list.direction };
        let page = caller.app().jobs.list_jobs.execute(&caller.actor, &filter, sort, &list.page).await?;
        Ok(list.answer(page))
    }

    /// Get a job
    ///
    /// Returns the job with its arguments, its result and its last failures. Needs the permission `jobs.job.read`.
    /// While the job runs, its `ETag` changes every few seconds, because its worker reports that it lives.
    #[oai(path = "/jobs/:id", method = "get", operation_id = "get_job")]
    async fn get(&self, caller: SignedIn, Path(id): Path<Id<JobId>>) -> Result<Shown<JobBody>, Problem> {
        Ok(shown(caller.app().jobs.get_job.execute(&caller.actor, id.0).await?))
    }

    /// Cancel a job
    ///
    /// Ends a waiting job with the state `cancelled`. Needs the permission `jobs.job.manage`. The worker of a running
    /// job is asked to stop: the answer has `cancel_requested_at`, and the state is `running` until the worker has
    /// stopped. If the work is done before that, the job is `completed`. If the job has ended, the answer is 409
    /// `job_ended`.
    #[oai(path = "/jobs/:id/cancel", method = "post", operation_id = "cancel_job")]
    async fn cancel(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<JobId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<JobBody>, Problem> {
        let command = JobCommand { job_id: id.0, precondition };
        Ok(shown(caller.app().jobs.cancel_job.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Retry a job
    ///
    /// Makes a job available at once, with all its attempts: a discarded or cancelled one, or one that waits for its
    /// time. Needs the permission `jobs.job.manage`. A job that is available already is returned unchanged. If the job
    /// is running or completed, the answer is 409 `job_not_retryable`. If another job holds its unique key, the answer
    /// is 409 `job_key_taken`.
    #[oai(path = "/jobs/:id/retry", method = "post", operation_id = "retry_job")]
    async fn retry(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<JobId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<JobBody>, Problem> {
        let command = JobCommand { job_id: id.0, precondition };
        Ok(shown(caller.app().jobs.retry_job.execute_once(&caller.actor, key.as_ref(), command).await?))
    }
}
