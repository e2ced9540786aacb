//! The events of jobs, queues and schedules. Only changes that a caller makes have events: a worker that claims,
//! completes or fails a job records none, because the job itself says so, and neither does a schedule that makes one.

use super::{Concurrency, JobId, JobKind, JobState, QueueId, QueueName, Schedule, ScheduleId, ScheduleName};
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

    /// The limit of a queue was changed.
    QueueChanged = "jobs.queue_changed.v1" of queue_id {
        /// The queue that was changed.
        queue_id: QueueId,
        /// The name of the queue.
        name: QueueName,
        /// How many of its jobs run at a time; `null` if only the workers limit that.
        concurrency: Option<Concurrency>,
    }

    /// A schedule was created.
    ScheduleCreated = "jobs.schedule_created.v1" of schedule_id {
        /// The schedule that the event is about.
        schedule_id: ScheduleId,
        /// The name of the schedule.
        name: ScheduleName,
        /// The kind of its jobs.
        kind: JobKind,
    }

    /// The timing, the jobs or the policies of a schedule were changed.
    ScheduleChanged = "jobs.schedule_changed.v1" of schedule_id {
        /// The schedule that the event is about.
        schedule_id: ScheduleId,
        /// The name of the schedule.
        name: ScheduleName,
        /// The kind of its jobs.
        kind: JobKind,
    }

    /// A schedule was deleted. Its jobs stay.
    ScheduleDeleted = "jobs.schedule_deleted.v1" of schedule_id {
        /// The schedule that the event is about.
        schedule_id: ScheduleId,
        /// The name of the schedule.
        name: ScheduleName,
        /// The kind of its jobs.
        kind: JobKind,
    }

    /// A schedule was paused: it makes no jobs.
    SchedulePaused = "jobs.schedule_paused.v1" of schedule_id {
        /// The schedule that the event is about.
        schedule_id: ScheduleId,
        /// The name of the schedule.
        name: ScheduleName,
        /// The kind of its jobs.
        kind: JobKind,
    }

    /// A schedule was resumed.
    ScheduleResumed = "jobs.schedule_resumed.v1" of schedule_id {
        /// The schedule that the event is about.
        schedule_id: ScheduleId,
        /// The name of the schedule.
        name: ScheduleName,
        /// The kind of its jobs.
        kind: JobKind,
    }

    /// A caller made a schedule store a job at once.
    ScheduleRunNow = "jobs.schedule_run_now.v1" of schedule_id {
        /// The schedule that the event is about.
        schedule_id: ScheduleId,
        /// The name of the schedule.
        name: ScheduleName,
        /// The kind of its jobs.
        kind: JobKind,
        /// The job that was stored.
        job_id: JobId,
    }
}

macro_rules! of_schedule {
    ($($event:ident),+) => {
        $(impl $event {
            /// The event of this schedule.
            #[must_use]
            pub fn of(schedule: &Schedule) -> Self {
                let Schedule { id, name, job, .. } = schedule;
                Self { schedule_id: *id, name: name.clone(), kind: job.kind.clone() }
            }
        })+
    };
}
of_schedule! { ScheduleCreated, ScheduleChanged, ScheduleDeleted, SchedulePaused, ScheduleResumed }

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
        assert_payload(&QueueResumed { queue_id, name: name.clone() }, uuid, &payload);
        for (concurrency, shown) in [(Concurrency::new(3), json!(3)), (None, json!(null))] {
            let payload = json!({ "queue_id": uuid, "name": "default", "concurrency": shown });
            assert_payload(&QueueChanged { queue_id, name: name.clone(), concurrency }, uuid, &payload);
        }
    }

    #[test]
    fn published_payloads_of_schedules_do_not_change() {
        let uuid = Uuid::from_u128(1);
        let (schedule_id, job_id) = (ScheduleId::new(uuid), JobId::new(Uuid::from_u128(2)));
        let (name, kind) = (ScheduleName::parse("nightly").unwrap(), JobKind::parse("shop.greet").unwrap());
        let payload = json!({ "schedule_id": uuid, "name": "nightly", "kind": "shop.greet" });
        macro_rules! check {
            ($($event:ident),+) => {
                $(assert_payload(&$event { schedule_id, name: name.clone(), kind: kind.clone() }, uuid, &payload);)+
            };
        }
        check! { ScheduleCreated, ScheduleChanged, ScheduleDeleted, SchedulePaused, ScheduleResumed }
        let payload = json!({ "schedule_id": uuid, "name": "nightly", "kind": "shop.greet", "job_id": job_id });
        assert_payload(&ScheduleRunNow { schedule_id, name, kind, job_id }, uuid, &payload);
    }
}
