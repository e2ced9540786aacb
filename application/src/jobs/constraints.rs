//! The uniqueness rules of jobs, queues and schedules. Each is the name of an index or key in every store.

use crate::kernel::Constraint;

/// The id of a job.
pub const JOB_ID: Constraint = Constraint::new("jobs_pkey");
/// At most one job holds a unique key.
pub const JOB_UNIQUE_KEY: Constraint = Constraint::new("jobs_unique_key_key");
/// At most one job with an ordering key runs.
pub const JOB_RUNNING_KEY: Constraint = Constraint::new("jobs_running_key_key");
/// The id of a queue.
pub const QUEUE_ID: Constraint = Constraint::new("queues_pkey");
/// The name of a queue.
pub const QUEUE_NAME: Constraint = Constraint::new("queues_name_key");
/// The id of a schedule.
pub const SCHEDULE_ID: Constraint = Constraint::new("schedules_pkey");
/// The name of a schedule.
pub const SCHEDULE_NAME: Constraint = Constraint::new("schedules_name_key");

/// Every uniqueness rule.
pub const ALL: &[Constraint] =
    &[JOB_ID, JOB_UNIQUE_KEY, JOB_RUNNING_KEY, QUEUE_ID, QUEUE_NAME, SCHEDULE_ID, SCHEDULE_NAME];
