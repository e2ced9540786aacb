//! Jobs, their queues, and schedules.

mod claimable;
mod documents;
mod indexes;
mod job_queries;
mod job_repository;
mod queues;
mod schedules;
pub(crate) mod schema;
