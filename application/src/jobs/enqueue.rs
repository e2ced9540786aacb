//! Storing jobs, in a unit of any context.

use super::{JobHandler, JobPolicy, JobRepository};
use crate::kernel::{Actor, StoreError, refusal, use_case_error};
use skep_domain::{
    jobs::{Job, JobArgs, JobArgsTooLong, JobId, JobKind, JobOrigin, NewJob},
    shared::Timestamp,
};

/// The arguments of a job are too long, or cannot be written as JSON.
#[derive(Debug, thiserror::Error)]
pub enum InvalidArgs {
    /// Longer than [`Job::ARGS_MAX`].
    #[error("a job {kind} cannot be stored: {source}")]
    TooLong {
        /// The kind of the job.
        kind: JobKind,
        /// The reason.
        source: JobArgsTooLong,
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

refusal! {
    /// As many jobs of this kind as the deployment allows already wait for the user; try again when some of them are done.
    TooManyWaitingJobs = Conflict, "too_many_waiting_jobs";
}

use_case_error! {
    /// Why a job was not stored.
    EnqueueError {
        TooManyWaitingJobs(TooManyWaitingJobs),
    }
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
    match serde_json::to_string(args).map(JobArgs::parse) {
        Ok(Ok(args)) => Ok(NewJob { max_attempts: H::ATTEMPTS, ..NewJob::of(kind, args) }),
        Ok(Err(source)) => Err(InvalidArgs::TooLong { kind, source }),
        Err(source) => Err(InvalidArgs::Unwritable { kind, source }),
    }
}

/// Stores a job with the unit of work that `jobs` belongs to. If the unit is not committed, the job does not exist (J1).
/// `id` is made before the first attempt of the unit, so that each attempt stores the same job.
///
/// The user that acts owns the job, unless it names another owner. At most as many jobs of one owner and kind wait as the
/// policy allows (J11). Units that store jobs at the same time may exceed this together.
///
/// # Errors
/// [`EnqueueError`]. The unit must not be committed.
pub async fn enqueue(
    jobs: &mut dyn JobRepository,
    policy: &JobPolicy,
    id: JobId,
    new: NewJob,
    actor: &Actor,
    now: Timestamp,
) -> Result<Enqueued, EnqueueError> {
    let owner_id = new.owner_id.or_else(|| actor.user_id());
    if let Some(owner) = owner_id {
        let most = policy.waiting_per_user;
        if jobs.count_waiting(owner, &new.kind, most).await? >= u64::from(most) {
            return Err(TooManyWaitingJobs.into());
        }
    }
    Ok(enqueue_internal(jobs, id, NewJob { owner_id, ..new }, actor, now).await?)
}

/// Stores a job as [`enqueue`] does, but without a limit and without an owner that it does not name: for work that Skep
/// itself causes, such as that of a schedule or a subscriber. A request of a user must not reach it.
///
/// # Errors
/// The store's error.
pub async fn enqueue_internal(
    jobs: &mut dyn JobRepository,
    id: JobId,
    new: NewJob,
    actor: &Actor,
    now: Timestamp,
) -> Result<Enqueued, StoreError> {
    let origin = JobOrigin { request_id: actor.request_id.clone(), traceparent: actor.traceparent.clone() };
    let other = jobs.insert(&Job::create(id, new, origin, now)).await?;
    Ok(Enqueued { id: other.as_ref().map_or(id, |other| other.id), is_duplicate: other.is_some() })
}
