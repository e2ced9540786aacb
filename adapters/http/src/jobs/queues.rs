//! The endpoints of queues, and their body.

use super::api::Tag;
use crate::{
    body::MergePatch,
    parts::{IfMatch, Listed, RepeatKey, SelfLink, Sent, Shown, SignedIn, partial_etag, patch, path_of},
    problem::Problem,
};
use poem_openapi::{Object, OpenApi, param::Path, types::MaybeUndefined};
use serde::{Deserialize, Serialize};
use skep_application::jobs::{ChangeQueueCommand, QueueCommand, QueueCounts, QueueView};
use skep_domain::{
    jobs::{Concurrency, Queue, QueueName},
    shared::Timestamp,
};

/// The path of the queues.
const QUEUES: &str = "/api/v1/queues";

#[derive(Default)]
pub(super) struct QueueApi;

/// A queue of jobs.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Queue")]
struct QueueBody {
    /// The name of the queue, unique.
    name: String,
    /// The time since which no job of the queue is claimed; absent while jobs are claimed.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_at: Option<String>,
    /// How many of its jobs run at a time, over all processes; absent if only the workers limit that.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
    /// The time at which the queue was last paused, resumed or changed, or was made.
    updated_at: String,
    /// The numbers of its jobs. Answers to a change do not have them.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<QueueJobs>,
    /// The path of the queue.
    links: SelfLink,
}

/// A change of a queue. Absent fields keep their values.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChangeQueueRequest {
    /// How many of its jobs run at a time, over all processes. `null` removes the limit.
    concurrency: MaybeUndefined<i64>,
}

/// The numbers of the jobs of a queue. At most 10,000 are counted.
#[derive(Debug, Object, Serialize)]
struct QueueJobs {
    /// The jobs that a worker could claim now.
    available: u64,
    /// The time since which the oldest of them waits; absent if no job waits.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_ready_at: Option<String>,
    /// The jobs that workers hold.
    running: u64,
}

impl From<Queue> for QueueBody {
    fn from(queue: Queue) -> Self {
        let links = SelfLink::to(path_of(QUEUES, &queue.name, ""));
        Self {
            name: queue.name.into_string(),
            paused_at: queue.paused_at.map(|at| at.to_string()),
            concurrency: queue.concurrency.map(Concurrency::get),
            updated_at: queue.updated_at.to_string(),
            jobs: None,
            links,
        }
    }
}

impl From<QueueView> for QueueBody {
    fn from(QueueView { queue, counts }: QueueView) -> Self {
        let QueueCounts { available, oldest_ready_at, running } = counts;
        let oldest_ready_at = oldest_ready_at.map(|at| at.to_string());
        Self { jobs: Some(QueueJobs { available, oldest_ready_at, running }), ..Self::from(queue) }
    }
}

fn changed(queue: Queue) -> Shown<QueueBody> {
    Shown::of(queue.version, queue)
}

/// The numbers of jobs change while the version of the queue stays.
fn counted(view: QueueView) -> Shown<QueueBody> {
    let QueueCounts { available, oldest_ready_at, running } = view.counts;
    let oldest = oldest_ready_at.map_or(0, Timestamp::as_millis);
    Shown::tagged(partial_etag(view.queue.version, format_args!("{available}.{running}.{oldest}")), view)
}

/// The name in a path. A text that is not a name becomes the empty name, which no queue has, so that it gets the same
/// authorization check and the same answer as an unknown name.
fn queue_name(text: &str) -> QueueName {
    QueueName::parse(text).unwrap_or_else(|_| QueueName::stored(String::new()))
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Jobs")]
impl QueueApi {
    /// List queues
    ///
    /// Lists the queues that workers have served, with the numbers of their jobs, in the order of their names, on one
    /// page of at most 100. Needs the permission `jobs.queue.read`.
    #[oai(path = "/queues", method = "get", operation_id = "list_queues")]
    async fn list(&self, caller: SignedIn) -> Result<Listed<QueueBody>, Problem> {
        let queues = caller.app().jobs.list_queues.execute(&caller.actor).await?;
        Ok(Listed::whole(QUEUES, queues.into_iter().map(Into::into).collect()))
    }

    /// Get a queue
    ///
    /// Returns the queue with the numbers of its jobs. Needs the permission `jobs.queue.read`. Its `ETag` cannot be
    /// used in `If-Match`, because the numbers change on their own; the answers to changes have the one that can.
    #[oai(path = "/queues/:name", method = "get", operation_id = "get_queue")]
    async fn get(
        &self,
        caller: SignedIn,
        /// The name of the queue. A name that does not exist is answered 404.
        Path(name): Path<String>,
    ) -> Result<Shown<QueueBody>, Problem> {
        Ok(counted(caller.app().jobs.list_queues.get(&caller.actor, &queue_name(&name)).await?))
    }

    /// Change a queue
    ///
    /// Limits how many jobs of the queue run at a time, over all processes (JSON merge patch, RFC 7396). Needs the
    /// permission `jobs.queue.manage`. A lower limit stops no job that runs. If nothing is different afterwards, the
    /// `ETag` stays the same. `If-Match` has the `ETag` of an answer to a change, or `*`.
    #[oai(path = "/queues/:name", method = "patch", operation_id = "change_queue")]
    async fn change(
        &self,
        caller: SignedIn,
        /// The name of the queue. A name that does not exist is answered 404.
        Path(name): Path<String>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
        body: MergePatch<ChangeQueueRequest>,
    ) -> Result<Shown<QueueBody>, Problem> {
        let concurrency = patch(body.0.concurrency);
        let command = ChangeQueueCommand { name: queue_name(&name), precondition, concurrency };
        Ok(changed(caller.app().jobs.change_queue.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Pause a queue
    ///
    /// Lets the jobs of the queue wait. Needs the permission `jobs.queue.manage`. Jobs that run go on. A queue that is
    /// paused already is returned unchanged.
    #[oai(path = "/queues/:name/pause", method = "post", operation_id = "pause_queue")]
    async fn pause(
        &self,
        caller: SignedIn,
        /// The name of the queue. A name that does not exist is answered 404.
        Path(name): Path<String>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<QueueBody>, Problem> {
        let command = QueueCommand { name: queue_name(&name), precondition };
        Ok(changed(caller.app().jobs.pause_queue.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Resume a queue
    ///
    /// Lets workers claim the jobs of the queue again. Needs the permission `jobs.queue.manage`. A queue that is not
    /// paused is returned unchanged.
    #[oai(path = "/queues/:name/resume", method = "post", operation_id = "resume_queue")]
    async fn resume(
        &self,
        caller: SignedIn,
        /// The name of the queue. A name that does not exist is answered 404.
        Path(name): Path<String>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<QueueBody>, Problem> {
        let command = QueueCommand { name: queue_name(&name), precondition };
        Ok(changed(caller.app().jobs.resume_queue.execute_once(&caller.actor, key.as_ref(), command).await?))
    }
}
