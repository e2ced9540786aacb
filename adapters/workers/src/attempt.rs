//! One attempt of a job: the handler, its deadline, its panic, and the request to stop.

use crate::running::{Link, Stop};
use futures_util::FutureExt as _;
use skep_application::jobs::{Handlers, JobError, JobRun, LeasePolicy, Outcome, Settlement, TakenJob};
use skep_domain::{
    jobs::{Backoff, Retry},
    shared::Timestamp,
};
use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

/// How long a handler that was asked to stop may go on before it is dropped, or a sixth of the lease if that is shorter.
pub const GRACE: Duration = Duration::from_secs(5);
/// How long a job waits whose kind has no handler here. Another instance, of a newer program, may have one.
const UNKNOWN_KIND: i64 = 60_000;

/// How long a handler that was asked to stop may go on.
pub(crate) fn grace(leases: LeasePolicy) -> Duration {
    GRACE.min(leases.look_every())
}

/// Runs the handler of the job, and returns how the job is to be settled. `None` if that is done, or if another worker
/// holds the job.
pub(crate) async fn attempt(
    handlers: &Handlers,
    TakenJob { job, ticket }: TakenJob,
    link: &Arc<Link>,
    leases: LeasePolicy,
    now: Timestamp,
) -> Option<Settlement> {
    let Some(handler) = handlers.get(job.kind.as_str()) else {
        tracing::warn!(job = %job.id, kind = %job.kind, "no handler has this kind of job; it waits for a minute");
        return Some(Settlement::Snooze(now.plus_millis(UNKNOWN_KIND)));
    };
    let run = JobRun::of(job, link.clone())?.with(ticket);
    let work = AssertUnwindSafe(handler.run(&run)).catch_unwind();
    let stopped = async {
        link.stop.cancelled().await;
        tokio::time::sleep(grace(leases)).await;
    };
    let ended = tokio::select! {
        biased;
        ended = work => ended,
        () = stopped => Ok(Ok(Outcome::Stopped)),
        () = tokio::time::sleep(handler.timeout) => {
            Ok(Err(JobError::later(format!("took longer than {:?}", handler.timeout))))
        }
    };
    settlement(ended, link.why(), handler.backoff)
}

type Ended = Result<Result<Outcome, JobError>, Box<dyn Any + Send>>;

fn settlement(ended: Ended, why: Option<Stop>, backoff: Backoff) -> Option<Settlement> {
    let fail = |message, retry| Settlement::Fail { message, retry, backoff };
    match ended {
        Ok(Ok(Outcome::Settled)) => None,
        Ok(Ok(Outcome::Complete(output))) => Some(Settlement::Complete(output)),
        Ok(Ok(Outcome::Snooze(until))) => Some(Settlement::Snooze(until)),
        // What a handler returns after it was asked to stop is the consequence of that.
        Ok(Ok(Outcome::Stopped) | Err(_)) if why == Some(Stop::Cancelled) => Some(Settlement::Stopped),
        Ok(Ok(Outcome::Stopped) | Err(_)) if why == Some(Stop::HandBack) => Some(Settlement::HandBack),
        Ok(Ok(Outcome::Stopped) | Err(_)) if why == Some(Stop::Lost) => None,
        Ok(Ok(Outcome::Stopped)) => Some(fail("the handler stopped without being asked".to_owned(), Retry::Later)),
        Ok(Err(JobError { source, retry })) => Some(fail(with_causes(&*source), retry)),
        Err(panic) => Some(fail(format!("the handler panicked: {}", text_of(&*panic)), Retry::Later)),
    }
}

fn with_causes(error: &(dyn std::error::Error + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

pub(crate) fn text_of(panic: &(dyn Any + Send)) -> &str {
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    panic.downcast_ref::<&str>().copied().or_else(owned).unwrap_or("without a message")
}
