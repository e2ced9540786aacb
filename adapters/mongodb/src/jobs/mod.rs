//! Jobs and their queues.

mod documents;
mod indexes;
mod job_queries;
mod job_repository;
mod queues;
pub(crate) mod schema;
