//! A call to a provider: the breaker, the time, the repeats and the metrics around it.

use crate::{BreakerPolicy, CircuitBreaker, CircuitOpen, RetryBudget};
use skep_application::kernel::{Clock, Random, Runtime, Sleeper};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::time::timeout;

/// The most tries of a call.
const TRIES: u32 = 2;
/// The time before a repeat, less the jitter.
const PAUSE: Duration = Duration::from_millis(200);

/// An error of a call, which says something about the server.
pub trait Fault: std::error::Error + Send + Sync + 'static {
    /// Whether the server is not able to work. A refusal of a single request is not an outage.
    fn is_outage(&self) -> bool;
    /// Whether the server has certainly done nothing, so that the call may be repeated at once.
    fn may_repeat(&self) -> bool;
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E: Fault> {
    /// The provider was not asked.
    #[error(transparent)]
    Open(#[from] CircuitOpen),
    /// The call took too long. The server may have done its work.
    #[error("the call took longer than {} s", .0.as_secs_f32())]
    Late(Duration),
    /// The call failed.
    #[error(transparent)]
    Failed(E),
}

/// Calls one provider. All callers share it, so that they share the breaker and the budget of repeats.
pub struct Outbound {
    provider: &'static str,
    breaker: CircuitBreaker,
    budget: RetryBudget,
    total: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    sleeper: Arc<dyn Sleeper>,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound")
            .field("provider", &self.provider)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

impl Outbound {
    /// Calls the provider with this name, which metrics have as a label. A call takes at most `total`.
    #[must_use]
    pub fn new(provider: &'static str, policy: BreakerPolicy, total: Duration, runtime: Runtime) -> Self {
        let Runtime { clock, random, sleeper, .. } = runtime;
        let breaker = CircuitBreaker::new(policy, clock.clone(), random.clone());
        Self { provider, breaker, budget: RetryBudget::default(), total, clock, random, sleeper }
    }

    /// Runs a call. A call that may be repeated is tried again once, if the budget allows it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call<T, E, F, W>(&self, work: F) -> Result<T, CallError<E>>
    where
        E: Fault,
        F: Fn() -> W,
        W: Future<Output = Result<T, E>>,
    {
        let begun = self.clock.monotonic();
        let result = self.guarded(work).await;
        let outcome = match &result {
            Ok(_) => "done",
            Err(CallError::Open(_)) => "not_tried",
            Err(CallError::Failed(error)) if !error.is_outage() => "refused",
            Err(CallError::Late(_) | CallError::Failed(_)) => "failed",
        };
        let labels = [("provider", self.provider), ("outcome", outcome)];
        let seconds = self.clock.monotonic().saturating_sub(begun).as_secs_f64();
        metrics::histogram!("skep_outbound_call_duration_seconds", &labels).record(seconds);
        let open = if self.breaker.is_open() { 1.0 } else { 0.0 };
        metrics::gauge!("skep_outbound_breaker_open", "provider" => self.provider).set(open);
        result
    }

    async fn guarded<T, E, F, W>(&self, work: F) -> Result<T, CallError<E>>
    where
        E: Fault,
        F: Fn() -> W,
        W: Future<Output = Result<T, E>>,
    {
        let permit = self.breaker.admit()?;
        self.budget.called();
        let result = match timeout(self.total, self.tried(work)).await {
            Ok(result) => result.map_err(CallError::Failed),
            Err(_) => Err(CallError::Late(self.total)),
        };
        match &result {
            Err(CallError::Failed(error)) if !error.is_outage() => permit.succeeded(),
            Ok(_) => permit.succeeded(),
            Err(_) => permit.failed(),
        }
        result
    }

    async fn tried<T, E, F, W>(&self, work: F) -> Result<T, E>
    where
        E: Fault,
        F: Fn() -> W,
        W: Future<Output = Result<T, E>>,
    {
        let mut tries = 1;
        loop {
            match work().await {
                Err(error) if tries < TRIES && error.may_repeat() && self.budget.take() => {
                    tries += 1;
                    self.sleeper.sleep(PAUSE + PAUSE.mul_f64(self.random.fraction())).await;
                }
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests;
