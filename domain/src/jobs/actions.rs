//! The actions on jobs, queues and schedules.

use crate::shared::{Action, BuiltInRole::Auditor};

/// See jobs, with their arguments, errors and outputs.
pub const READ_JOB: Action = Action::roles("jobs.job.read", &[Auditor]);
/// Cancel jobs, and run ended ones again.
pub const MANAGE_JOB: Action = Action::admin("jobs.job.manage");
/// See queues and the numbers of their jobs.
pub const READ_QUEUE: Action = Action::roles("jobs.queue.read", &[Auditor]);
/// Pause and resume queues.
pub const MANAGE_QUEUE: Action = Action::admin("jobs.queue.manage");
/// See schedules, with the arguments of their jobs.
pub const READ_SCHEDULE: Action = Action::roles("jobs.schedule.read", &[Auditor]);
/// Create, change, pause, resume and delete schedules, and run them now.
pub const MANAGE_SCHEDULE: Action = Action::admin("jobs.schedule.manage");

/// Every action of this context.
pub const ALL: &[Action] = &[READ_JOB, MANAGE_JOB, READ_QUEUE, MANAGE_QUEUE, READ_SCHEDULE, MANAGE_SCHEDULE];
