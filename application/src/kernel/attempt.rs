//! Running a unit of work until it is over: again when it was aborted, and with care when its outcome is unknown.

use super::{AppError, Runtime, StoreError, Transaction};
use std::{future::Future, time::Duration};

/// How long attempts are repeated, if the caller has no earlier deadline.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Which attempt this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// An earlier attempt may have been stored: look for its mark first ([`super::Outbox::settle`]).
    pub after_unknown: bool,
}

/// Runs `attempt` until it has a result: again, after a growing pause with jitter, while it is aborted, stale or its
/// outcome is unknown; after an unknown outcome also while the store is away. Ids and times are made before, so that
/// every attempt is the same unit of work.
///
/// Gives up 5 s after the start, or at `deadline` (of the monotonic clock) if that is earlier, but never cancels a
/// running attempt.
///
/// # Errors
/// The attempt's refusal or error; `Unavailable` when it gave up on an abort, `OutcomeUnknown` when nobody knows: after
/// an unknown outcome no other error of the store is told, because each says that nothing was changed.
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
    let deadline = deadline.map_or(patience, |deadline| deadline.min(patience));
    let mut this = Attempt { number: 1, after_unknown: false };
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match attempt(this).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        match error.store_error() {
            // A refusal is only met after the unknown outcome was settled.
            None => return Err(error),
            Some(StoreError::OutcomeUnknown(_)) => this.after_unknown = true,
            Some(StoreError::Retry(_) | StoreError::Stale) => {}
            // The store that died over a commit is often back before the caller has lost patience.
            Some(StoreError::Unavailable(_)) if this.after_unknown => {}
            Some(_) if this.after_unknown => return Err(given_up(error, true)),
            Some(_) => return Err(error),
        }
        let jittered = pause.mul_f64(0.5 + runtime.random.fraction());
        if runtime.clock.monotonic() + jittered >= deadline {
            return Err(given_up(error, this.after_unknown));
        }
        runtime.sleeper.sleep(jittered).await;
        this.number += 1;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Once an outcome was unknown, an error of a later attempt does not make it known. The last error is kept as the cause.
fn given_up<E: AppError + From<StoreError>>(error: E, unknown: bool) -> E {
    match error.store_error() {
        Some(StoreError::OutcomeUnknown(_)) => error,
        _ if unknown => StoreError::OutcomeUnknown(error.into()).into(),
        _ => StoreError::Unavailable(error.into()).into(),
    }
}

/// Closes an attempt. A result is committed; a refusal rolls back and waits for what it saw; an error of the store
/// drops the unit.
///
/// # Errors
/// The attempt's own, or the store's from ending it.
pub async fn end<Tx, T, E>(tx: Box<Tx>, result: Result<T, E>) -> Result<T, E>
where
    Tx: Transaction + ?Sized,
    E: AppError + From<StoreError>,
{
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

#[cfg(test)]
mod tests;
