//! Repeats a unit of work that was aborted, or that has an unknown outcome.

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

/// How long attempts are repeated unless the caller has an earlier deadline.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// One attempt of [`run`], which [`Attempt::end`] ends.
#[derive(Debug)]
pub struct Attempt {
    /// The number of the attempt, counted from 1.
    pub number: u32,
    /// Whether an earlier attempt may have been stored. If so, look for its event first ([`super::Outbox::settle`]).
    pub after_unknown: bool,
    /// Whether the unit is being ended. From then on, the deadline no longer cuts it off.
    ending: Arc<AtomicBool>,
}

/// Runs `attempt` until it has a result. It is repeated, after a growing pause with jitter, if it was aborted, if a
/// version was stale, or if the outcome is unknown. After an unknown outcome it is also repeated while the store is
/// unavailable. Make ids and times before the first attempt, so that every attempt is the same unit of work.
///
/// Gives up 5 s after the start, or at the caller's `deadline` (of the monotonic clock) if that is earlier. No attempt
/// starts after that. An attempt that waits or works at the caller's deadline is dropped and so undone. An attempt that
/// has reached [`Attempt::end`] runs to its end, however long that takes: a commit is never cut off.
///
/// [`UseCase`](super::UseCase) calls this function for every command. A use case that is not a command calls it itself:
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
/// An attempt that appends an event asks [`settle`](super::Outbox::settle) first if `after_unknown` is set. An attempt
/// that has the same result when it is done twice needs no event.
///
/// # Errors
/// The attempt's refusal or error, or `Unavailable` when it gave up. After an unknown outcome, the only error of the
/// store is `OutcomeUnknown`, because any other error would claim that nothing was changed.
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
            // After an unknown outcome, an attempt is refused only once that outcome is settled.
            None => return Err(error),
            Some(StoreError::OutcomeUnknown(_)) => after_unknown = true,
            Some(StoreError::Retry(_) | StoreError::Stale) => {}
            // A store that failed during a commit is often back before the caller gives up.
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

/// Runs an attempt until the caller's deadline. An attempt that is already ending then runs to its end.
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

/// Makes the error for giving up. An unknown outcome stays unknown, whatever a later attempt returned. The last error
/// is kept as the source.
fn given_up<E: AppError + From<StoreError>>(error: E, unknown: bool) -> E {
    match error.store_error() {
        Some(StoreError::OutcomeUnknown(_)) => error,
        _ if unknown => StoreError::OutcomeUnknown(error.into()).into(),
        _ => StoreError::Unavailable(error.into()).into(),
    }
}

impl Attempt {
    /// Ends the attempt. A result is committed. A refusal rolls back, and waits until everything that the unit has read
    /// is durable. An error of the store drops the unit.
    ///
    /// # Errors
    /// The error in `result`, or the store's error from ending the unit.
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
