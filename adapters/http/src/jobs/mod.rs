//! The endpoints of jobs, queues and schedules.

mod api;
mod document;
mod dto;
mod operations;
mod queues;
mod schedule_dto;
mod schedules;

use crate::parts::Context;

/// The endpoints, operations and examples of jobs.
pub(crate) const CONTEXT: Context =
    Context::new::<(api::JobApi, queues::QueueApi, schedules::ScheduleApi)>(operations::OPERATIONS, document::complete);
