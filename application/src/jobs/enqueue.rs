//! Storing jobs, in a unit of any context.

use super::{JobHandler, JobRepository};
use crate::kernel::{Actor, StoreError};
use skep_domain::{
    jobs::{Job, JobId, JobKind, JobOrigin, NewJob},
    shared::Timestamp,
};

/// The arguments of a job are too long, or cannot be written as JSON.
#[derive(Debug, thiserror::Error)]
pub enum InvalidArgs {
    /// Longer than [`Job::ARGS_MAX`].
    #[error("the arguments of {kind} have {length} bytes; at most {} are allowed", Job::ARGS_MAX)]
    TooLong {
        /// The kind of the job.
        kind: JobKind,
        /// The length of the arguments, in bytes.
        length: usize,
    },
    /// Not JSON.
    #[error("the arguments of {kind} cannot be written as JSON")]
    Unwritable {
        /// The kind of the job.
        kind: JobKind,
        /// The reason.
        source: serde_json::Error,
    },
}

/// What became of a job that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// The new job, or the one that holds its unique key.
    pub id: JobId,
    /// Whether it is the other one, so that nothing was stored.
    pub is_duplicate: bool,
}

/// The job for the handler `H` with these arguments. The caller may change its other settings.
///
/// # Errors
/// [`InvalidArgs`].
pub fn job_for<H: JobHandler>(args: &H::Args) -> Result<NewJob, InvalidArgs> {
    let kind = JobKind::stored(H::KIND.to_owned());
    match serde_json::to_string(args) {
        Ok(args) if args.len() > Job::ARGS_MAX => Err(InvalidArgs::TooLong { kind, length: args.len() }),
        Ok(args) => Ok(NewJob { max_attempts: H::ATTEMPTS, ..NewJob::of(kind, args) }),
        Err(source) => Err(InvalidArgs::Unwritable { kind, source }),
    }
}

/// Stores a job with the unit of work that `jobs` belongs to. If the unit is not committed, the job does not exist (J1).
/// `id` is made before the first attempt of the unit, so that each attempt stores the same job.
///
/// # Errors
/// The store's error.
pub async fn enqueue(
    jobs: &mut dyn JobRepository,
    id: JobId,
    new: NewJob,
    actor: &Actor,
    now: Timestamp,
) -> Result<Enqueued, StoreError> {
    let origin = JobOrigin { request_id: actor.request_id.clone(), traceparent: actor.traceparent.clone() };
    let owner_id = new.owner_id.or_else(|| actor.user_id());
    let job = Job::create(id, NewJob { owner_id, ..new }, origin, now);
    let other = jobs.insert(&job).await?;
    Ok(Enqueued { id: other.as_ref().map_or(id, |other| other.id), is_duplicate: other.is_some() })
}
