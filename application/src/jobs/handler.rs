//! What runs a job.

use super::{JobRepository, SettledJob, Settlement, settle};
use crate::kernel::{BoxError, StoreError};
use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use skep_domain::{
    jobs::{Backoff, Job, JobId, Progress, Retry, Ticket},
    shared::{LeaseToken, Timestamp},
};
use std::{future::Future, sync::Arc, time::Duration};

/// Runs the jobs of one kind. A program registers its handlers with a [`Handlers`].
///
/// A job runs at least once: after a crash, or after a loss of its worker, it runs again. A handler whose effect is in
/// the store makes it happen once by completing the job in the unit of its effect ([`JobRun::complete_in`]).
/// Any other effect has to be harmless when it is repeated; [`JobRun::id`] is the same in each attempt.
///
/// ```
/// use skep_application::jobs::{Handlers, JobError, JobHandler, JobRun, Outcome, job_for};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Greeting {
///     name: String,
/// }
///
/// struct Greet;
///
/// impl JobHandler for Greet {
///     const KIND: &'static str = "shop.greet";
///     type Args = Greeting;
///
///     async fn run(&self, _: &JobRun, greeting: Greeting) -> Result<Outcome, JobError> {
///         println!("Hello {}", greeting.name);
///         Ok(Outcome::Complete(None))
///     }
/// }
///
/// let handlers = Handlers::default().with(Greet);
/// let job = job_for::<Greet>(&Greeting { name: "Ada".to_owned() }).unwrap();
/// assert_eq!((job.args.as_str(), handlers.kinds().count()), (r#"{"name":"Ada"}"#, 1));
/// ```
pub trait JobHandler: Send + Sync + 'static {
    /// The kind of its jobs; see [`JobKind`](skep_domain::jobs::JobKind).
    const KIND: &'static str;
    /// How often a job is tried unless the job says otherwise.
    const ATTEMPTS: u32 = Job::ATTEMPTS;
    /// How long an attempt may take. It then counts as failed, and the handler's future is dropped.
    const TIMEOUT: Duration = Duration::from_secs(60);
    /// The pauses between attempts.
    const BACKOFF: Backoff = Backoff::USUAL;
    /// The arguments. Their JSON is kept with the job and has to be readable by later versions of the program.
    type Args: Serialize + DeserializeOwned + Send;

    /// Does the work.
    ///
    /// # Errors
    /// The attempt failed. The job is tried again, unless the error says otherwise.
    fn run(&self, job: &JobRun, args: Self::Args) -> impl Future<Output = Result<Outcome, JobError>> + Send;
}

/// How an attempt ended without an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The work is done. The output is JSON of at most [`Job::ARGS_MAX`] bytes; a longer one is left out.
    Complete(Option<String>),
    /// The work is to be tried at this time. The attempt does not count.
    Snooze(Timestamp),
    /// The job was completed in the unit of its effect ([`JobRun::complete_in`]).
    Settled,
    /// The handler has stopped because the job was cancelled.
    Stopped,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct JobError {
    /// The reason, for operators. It is stored with the job, up to [`Job::MESSAGE_MAX`] bytes.
    pub source: BoxError,
    /// Whether and when the job is tried again.
    pub retry: Retry,
}

impl JobError {
    /// The job is tried again after its pause.
    pub fn later(source: impl Into<BoxError>) -> Self {
        Self { source: source.into(), retry: Retry::Later }
    }

    /// The job is tried again at this time.
    pub fn at(time: Timestamp, source: impl Into<BoxError>) -> Self {
        Self { source: source.into(), retry: Retry::At(time) }
    }

    /// The job is not tried again, because no attempt can succeed.
    pub fn never(source: impl Into<BoxError>) -> Self {
        Self { source: source.into(), retry: Retry::Never }
    }
}

/// The job that a handler runs, and its link to the worker.
#[derive(Clone)]
pub struct JobRun {
    pub(super) job: Arc<Job>,
    pub(super) token: LeaseToken,
    ticket: Option<Ticket>,
    link: Arc<dyn WorkerLink>,
}

/// The link between a running handler and its worker.
pub trait WorkerLink: Send + Sync {
    /// Keeps the progress for the next beat and for the end of the attempt.
    fn report(&self, progress: Progress);
    /// Whether the handler should stop: the job was cancelled, another worker holds it, or the worker stops.
    fn should_stop(&self) -> bool;
}

impl JobRun {
    /// A run of a claimed job. `None` if no worker holds the job.
    #[must_use]
    pub fn of(job: Job, link: Arc<dyn WorkerLink>) -> Option<Self> {
        let token = job.lease?.token;
        Some(Self { job: Arc::new(job), token, ticket: None, link })
    }

    /// The worker has got the job with this ticket.
    #[must_use]
    pub fn with(mut self, ticket: Option<Ticket>) -> Self {
        self.ticket = ticket;
        self
    }

    /// The id of the job, the same in each attempt.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.job.id
    }

    /// The job as it was claimed, with its attempt and the progress of the attempt before.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Reports the progress. The worker stores it with its next beat, and with the end of the attempt. A checkpoint longer
    /// than [`Job::ARGS_MAX`] is left out.
    pub fn report(&self, mut progress: Progress) {
        progress.percent = progress.percent.min(100);
        progress.message.truncate(progress.message.floor_char_boundary(Job::MESSAGE_MAX));
        progress.checkpoint = progress.checkpoint.filter(|checkpoint| checkpoint.len() <= Job::ARGS_MAX);
        self.link.report(progress);
    }

    /// Whether the handler should stop soon, and return [`Outcome::Stopped`] or an error. A handler that does not ask is
    /// stopped at its next await.
    #[must_use]
    pub fn should_stop(&self) -> bool {
        self.link.should_stop()
    }

    /// Completes the job in the unit of work of its effect, so that both happen or neither does (J6). The handler then
    /// commits the unit and returns [`Outcome::Settled`].
    ///
    /// # Errors
    /// `Stale` if another worker holds the job meanwhile: the unit must not be committed. The store's error.
    pub async fn complete_in(
        &self,
        jobs: &mut dyn JobRepository,
        output: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let how = Settlement::Complete(output);
        let settled = SettledJob { id: self.job.id, token: self.token, ticket: self.ticket, progress: None, how };
        match settle(jobs, &[settled], now, 0.0).await?.as_slice() {
            [Ok(())] => Ok(()),
            _ => Err(StoreError::Stale),
        }
    }
}

impl JobRun {
    /// Puts the job off in the unit of work of its effect, so that both happen or neither does (J6). The next attempt goes on
    /// from this progress. The handler then commits the unit and returns [`Outcome::Settled`].
    ///
    /// # Errors
    /// `Stale` if another worker holds the job meanwhile, or a caller has cancelled it: the unit must not be committed. The
    /// store's error.
    pub async fn put_off_in(
        &self,
        jobs: &mut dyn JobRepository,
        progress: Progress,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let found = jobs.find_many(&[self.job.id]).await?.into_iter().next();
        let mut job = found.filter(|job| job.cancel_requested_at.is_none()).ok_or(StoreError::Stale)?;
        if let Some(ticket) = self.ticket {
            job.claim_with(ticket, self.token).map_err(|_| StoreError::Stale)?;
        }
        let put_off = job.report(self.token, progress).and_then(|()| job.snooze(self.token, until, now));
        put_off.map_err(|_| StoreError::Stale)?;
        jobs.save_many(&[job]).await
    }
}

/// A handler of any kind, as workers call it.
#[async_trait]
trait RunJob: Send + Sync {
    async fn run(&self, job: &JobRun) -> Result<Outcome, JobError>;
}

#[async_trait]
impl<H: JobHandler> RunJob for H {
    async fn run(&self, job: &JobRun) -> Result<Outcome, JobError> {
        let args = serde_json::from_str(job.job.args.as_str())
            .map_err(|error| JobError::later(format!("the arguments cannot be read: {error}")))?;
        JobHandler::run(self, job, args).await
    }
}

/// A registered handler.
#[derive(Clone)]
pub struct Handler {
    /// The kind of its jobs.
    pub kind: &'static str,
    /// How often a job is tried unless the job says otherwise.
    pub attempts: u32,
    /// How long an attempt may take.
    pub timeout: Duration,
    /// The pauses between attempts.
    pub backoff: Backoff,
    /// Reads arguments, as the handler does.
    pub(super) check_args: fn(&str) -> Result<(), serde_json::Error>,
    run: Arc<dyn RunJob>,
}

impl Handler {
    /// Runs the job.
    ///
    /// # Errors
    /// That of the handler, also if the arguments of the job cannot be read.
    pub async fn run(&self, job: &JobRun) -> Result<Outcome, JobError> {
        self.run.run(job).await
    }
}

/// The handlers of a program, one for each kind.
#[derive(Clone, Default)]
pub struct Handlers(Vec<Handler>);

impl Handlers {
    /// Adds a handler. It replaces an earlier one of the same kind.
    #[must_use]
    pub fn with<H: JobHandler>(mut self, handler: H) -> Self {
        self.0.retain(|other| other.kind != H::KIND);
        let run = Arc::new(handler);
        let check_args = |args: &str| serde_json::from_str::<H::Args>(args).map(drop);
        let (kind, attempts, timeout, backoff) = (H::KIND, H::ATTEMPTS, H::TIMEOUT, H::BACKOFF);
        self.0.push(Handler { kind, attempts, timeout, backoff, check_args, run });
        self
    }

    /// The handler of this kind.
    #[must_use]
    pub fn get(&self, kind: &str) -> Option<&Handler> {
        self.0.iter().find(|handler| handler.kind == kind)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Handler> {
        self.0.iter()
    }

    /// The kinds that have a handler.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|handler| handler.kind)
    }
}
