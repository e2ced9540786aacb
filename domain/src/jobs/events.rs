//! The events of jobs and queues. Only changes that a caller makes have events: a worker that claims, completes or fails
//! a job records none, because the job itself says so.

use super::{JobId, JobKind, JobState, QueueId, QueueName};
use crate::shared::events;

events! {
    /// A caller cancelled a job. If a worker held the job, the worker was asked to stop.
    JobCancelled = "jobs.job_cancelled.v1" of job_id {
        /// The job that was changed.
        job_id: JobId,
        /// The kind of the job.
        kind: JobKind,
        /// The state before.
        from: JobState,
        /// The state now. It is `running` until the worker has stopped.
        to: JobState,
    }

    /// A caller wanted a job to run again, or sooner.
    JobRetried = "jobs.job_retried.v1" of job_id {
        /// The job that was changed.
        job_id: JobId,
        /// The kind of the job.
        kind: JobKind,
        /// The state before.
        from: JobState,
    }

    /// A queue was paused: its jobs wait.
    QueuePaused = "jobs.queue_paused.v1" of queue_id {
        /// The queue that was changed.
        queue_id: QueueId,
        /// The name of the queue.
        name: QueueName,
    }

    /// A queue was resumed.
    QueueResumed = "jobs.queue_resumed.v1" of queue_id {
        /// The queue that was changed.
        queue_id: QueueId,
        /// The name of the queue.
        name: QueueName,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::assert_payload;
    use serde_json::json;
    use uuid::Uuid;

    #[test]
    fn published_payloads_do_not_change() {
        let uuid = Uuid::from_u128(1);
        let (job_id, queue_id) = (JobId::new(uuid), QueueId::new(uuid));
        let (kind, name) = (JobKind::parse("shop.greet").unwrap(), QueueName::default());
        let cancelled = JobCancelled { job_id, kind: kind.clone(), from: JobState::Available, to: JobState::Cancelled };
        let payload = json!({ "job_id": uuid, "kind": "shop.greet", "from": "available", "to": "cancelled" });
        assert_payload(&cancelled, uuid, &payload);
        let payload = json!({ "job_id": uuid, "kind": "shop.greet", "from": "discarded" });
        assert_payload(&JobRetried { job_id, kind, from: JobState::Discarded }, uuid, &payload);
        let payload = json!({ "queue_id": uuid, "name": "default" });
        assert_payload(&QueuePaused { queue_id, name: name.clone() }, uuid, &payload);
        assert_payload(&QueueResumed { queue_id, name }, uuid, &payload);
    }
}
