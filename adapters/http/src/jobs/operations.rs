//! The operations of jobs, queues and schedules.

use crate::{
    edge::BodyLimit,
    parts::{Cost, Operation},
};
use skep_application::{
    jobs::{
        CancelJobError, ChangeQueueError, ChangeScheduleError, CreateScheduleError, DeleteScheduleError, RetryJobError,
        RunScheduleError, SwitchQueueError, SwitchScheduleError,
    },
    kernel::{GetError, ListError},
};
use skep_domain::jobs::actions::{MANAGE_JOB, MANAGE_QUEUE, MANAGE_SCHEDULE, READ_JOB, READ_QUEUE, READ_SCHEDULE};

/// The limit of a queue.
const QUEUE: BodyLimit = BodyLimit::new(4, 10);
/// The limit of a schedule: the arguments of its jobs have up to 64 KiB.
const SCHEDULE: BodyLimit = BodyLimit::new(80, 30);

/// Each operation with its action and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("list_jobs", READ_JOB, ListError::REFUSALS).cost(Cost::Page),
    Operation::new("get_job", READ_JOB, GetError::REFUSALS),
    Operation::new("cancel_job", MANAGE_JOB, CancelJobError::REFUSALS),
    Operation::new("retry_job", MANAGE_JOB, RetryJobError::REFUSALS),
    Operation::new("list_queues", READ_QUEUE, ListError::REFUSALS),
    Operation::new("get_queue", READ_QUEUE, GetError::REFUSALS),
    Operation::new("change_queue", MANAGE_QUEUE, ChangeQueueError::REFUSALS).body(QUEUE),
    Operation::new("pause_queue", MANAGE_QUEUE, SwitchQueueError::REFUSALS),
    Operation::new("resume_queue", MANAGE_QUEUE, SwitchQueueError::REFUSALS),
    Operation::new("create_schedule", MANAGE_SCHEDULE, CreateScheduleError::REFUSALS).body(SCHEDULE),
    Operation::new("list_schedules", READ_SCHEDULE, ListError::REFUSALS).cost(Cost::Page),
    Operation::new("get_schedule", READ_SCHEDULE, GetError::REFUSALS),
    Operation::new("change_schedule", MANAGE_SCHEDULE, ChangeScheduleError::REFUSALS).body(SCHEDULE),
    Operation::new("delete_schedule", MANAGE_SCHEDULE, DeleteScheduleError::REFUSALS),
    Operation::new("run_schedule", MANAGE_SCHEDULE, RunScheduleError::REFUSALS),
    Operation::new("pause_schedule", MANAGE_SCHEDULE, SwitchScheduleError::REFUSALS),
    Operation::new("resume_schedule", MANAGE_SCHEDULE, SwitchScheduleError::REFUSALS),
];
