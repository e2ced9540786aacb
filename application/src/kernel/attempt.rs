//! Running a unit of work until it is over: again when it was aborted, and with care when its outcome is unknown.

use super::{AppError, Runtime, StoreError, Transaction};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

/// How long attempts are repeated, if the caller has no earlier deadline.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// One attempt: which it is, and how it ends.
#[derive(Debug)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// An earlier attempt may have been stored: look for its mark first ([`super::Outbox::settle`]).
    pub after_unknown: bool,
    /// Whether its unit is being ended, from when on nothing cuts it short.
    ending: Arc<AtomicBool>,
}

/// Runs `attempt` until it has a result: again, after a growing pause with jitter, while it is aborted, stale or its
/// outcome is unknown; after an unknown outcome also while the store is away. Ids and times are made before, so that
/// every attempt is the same unit of work.
///
/// Gives up 5 s after the start, or at the caller's `deadline` (of the monotonic clock) if that is earlier: no attempt
/// starts after it, and one that waits or works at the deadline is dropped, and so undone. One that has come to
/// [`Attempt::end`] ends, however long it takes: a commit is never cut.
///
/// [`UseCase`](super::UseCase) does this for every command. A use case that is no command calls it itself:
///
/// ```
/// use skep_application::{identity::IdentityTx, kernel::{Actor, Begin, Runtime, StoreError, TxMode, run}};
///
/// async fn forget_setup_token(
///     store: &dyn Begin<dyn IdentityTx>,
///     runtime: &Runtime,
///     actor: &Actor,
/// ) -> Result<(), StoreError> {
///     run(runtime, actor.deadline, |attempt| async move {
///         let mut unit = store.begin(TxMode::Write, &[]).await?;
///         let deleted = unit.setup_tokens().delete().await;
///         attempt.end(unit, deleted).await
///     })
///     .await
/// }
/// ```
///
/// An attempt that appends an event asks [`settle`](super::Outbox::settle) first if `after_unknown` is set. One that does
/// the same thing twice with the same result needs no event.
///
/// # Errors
/// The attempt's refusal or error; `Unavailable` when it gave up, `OutcomeUnknown` when it cannot know: after an unknown
/// outcome no other error of the store is returned, because each says that nothing was changed.
pub async fn run<T, E, Fut>(
    runtime: &Runtime,
    deadline: Option<Duration>,
    mut attempt: impl FnMut(Attempt) -> Fut,
) -> Result<T, E>
where
    E: AppError + From<StoreError>,
    Fut: Future<Output = Result<T, E>>,
{
    let patience = runtime.clock.monotonic() + PATIENCE;
    let last = deadline.map_or(patience, |deadline| deadline.min(patience));
    let (mut number, mut after_unknown) = (1, false);
    let mut pause = FIRST_PAUSE;
    loop {
        let ending = Arc::new(AtomicBool::new(false));
        let this = Attempt { number, after_unknown, ending: ending.clone() };
        let error = match until(runtime, deadline, &ending, || attempt(this)).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        match error.store_error() {
            // A refusal is only met after the unknown outcome was settled.
            None => return Err(error),
            Some(StoreError::OutcomeUnknown(_)) => after_unknown = true,
            Some(StoreError::Retry(_) | StoreError::Stale) => {}
            // The store that died over a commit is often back before the caller has lost patience.
            Some(StoreError::Unavailable(_)) if after_unknown => {}
            Some(_) if after_unknown => return Err(given_up(error, true)),
            Some(_) => return Err(error),
        }
        let jittered = pause.mul_f64(0.5 + runtime.random.fraction());
        if runtime.clock.monotonic() + jittered >= last {
            return Err(given_up(error, after_unknown));
        }
        runtime.sleeper.sleep(jittered).await;
        number += 1;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Runs an attempt until the caller's deadline, or until it is over if it is ending by then.
async fn until<T, E, Fut>(
    runtime: &Runtime,
    deadline: Option<Duration>,
    ending: &AtomicBool,
    attempt: impl FnOnce() -> Fut,
) -> Result<T, E>
where
    E: From<StoreError>,
    Fut: Future<Output = Result<T, E>>,
{
    let Some(deadline) = deadline else { return attempt().await };
    let late = || StoreError::Unavailable("the caller's deadline has passed".into());
    let left = deadline.saturating_sub(runtime.clock.monotonic());
    if left.is_zero() {
        return Err(late().into());
    }
    let (mut attempt, mut over) = (pin!(attempt()), runtime.sleeper.sleep(left));
    poll_fn(|context| {
        let polled = attempt.as_mut().poll(context);
        if polled.is_pending() && !ending.load(Ordering::Relaxed) && over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(late().into()));
        }
        polled
    })
    .await
}

/// Once an outcome was unknown, an error of a later attempt does not make it known. The last error is kept as the cause.
fn given_up<E: AppError + From<StoreError>>(error: E, unknown: bool) -> E {
    match error.store_error() {
        Some(StoreError::OutcomeUnknown(_)) => error,
        _ if unknown => StoreError::OutcomeUnknown(error.into()).into(),
        _ => StoreError::Unavailable(error.into()).into(),
    }
}

impl Attempt {
    /// Closes the attempt. A result is committed; a refusal rolls back and waits for what it saw; an error of the store
    /// drops the unit.
    ///
    /// # Errors
    /// The attempt's own, or the store's from ending it.
    pub async fn end<Tx, T, E>(&self, tx: Box<Tx>, result: Result<T, E>) -> Result<T, E>
    where
        Tx: Transaction + ?Sized,
        E: AppError + From<StoreError>,
    {
        self.ending.store(true, Ordering::Relaxed);
        match result {
            Ok(done) => {
                tx.commit().await?;
                Ok(done)
            }
            Err(error) if error.store_error().is_some() => Err(error),
            Err(refusal) => {
                tx.rollback().await?;
                Err(refusal)
            }
        }
    }
}

#[cfg(test)]
mod tests;
