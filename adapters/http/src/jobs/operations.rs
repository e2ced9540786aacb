//! The operations of jobs and queues.

use crate::parts::{Cost, Operation};
use skep_application::{
    jobs::{CancelJobError, PauseQueueError, ResumeQueueError, RetryJobError},
    kernel::{GetError, ListError},
};
use skep_domain::jobs::actions::{MANAGE_JOB, MANAGE_QUEUE, READ_JOB, READ_QUEUE};

/// Each operation with its action and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("list_jobs", READ_JOB, ListError::REFUSALS).cost(Cost::Page),
    Operation::new("get_job", READ_JOB, GetError::REFUSALS),
    Operation::new("cancel_job", MANAGE_JOB, CancelJobError::REFUSALS),
    Operation::new("retry_job", MANAGE_JOB, RetryJobError::REFUSALS),
    Operation::new("list_queues", READ_QUEUE, ListError::REFUSALS),
    Operation::new("get_queue", READ_QUEUE, GetError::REFUSALS),
    Operation::new("pause_queue", MANAGE_QUEUE, PauseQueueError::REFUSALS),
    Operation::new("resume_queue", MANAGE_QUEUE, ResumeQueueError::REFUSALS),
];
