//! The endpoints of jobs and queues.

mod api;
mod document;
mod dto;
mod operations;
mod queues;

use crate::parts::Context;

/// The endpoints, operations and examples of jobs.
pub(crate) const CONTEXT: Context =
    Context::new::<(api::JobApi, queues::QueueApi)>(operations::OPERATIONS, document::complete);
