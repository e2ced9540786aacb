//! A circuit breaker: after many failures, calls are refused for a while, so that a server that is down is not asked by
//! every caller, and no caller waits for it.

use skep_application::kernel::{Clock, Random};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// The number of failures within `window` that opens the breaker.
    pub failures: u32,
    /// The time in which failures count together.
    pub window: Duration,
    /// How long the breaker is open at first. Each failed probe doubles the time.
    pub open: Duration,
    /// The longest time that it is open, less the jitter.
    pub most_open: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { failures: 5, window: seconds(60), open: seconds(10), most_open: seconds(300) }
    }
}

/// The breaker is open, so the server is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server failed several times and is not asked for {} s", retry_after.as_secs_f32().ceil())]
pub struct CircuitOpen {
    /// The time until the server may be asked again.
    pub retry_after: Duration,
}

#[derive(Debug)]
enum State {
    /// Calls pass. The times of the failures in the window, oldest first.
    Closed(VecDeque<Duration>),
    /// Calls are refused until this time. Then one call is let through as a probe.
    Open { until: Duration, times: u32 },
    /// A probe is on its way. All other calls are refused.
    HalfOpen,
}

/// The breaker of one server. A clone of the `Arc` shares it.
pub struct CircuitBreaker {
    state: Mutex<State>,
    policy: BreakerPolicy,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl std::fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CircuitBreaker").field("state", &*self.state()).finish_non_exhaustive()
    }
}

impl CircuitBreaker {
    /// A closed breaker. `random` spreads the probes of several instances.
    #[must_use]
    pub fn new(policy: BreakerPolicy, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { state: Mutex::new(State::Closed(VecDeque::new())), policy, clock, random }
    }

    /// Lets a call through, or refuses it. After the time that the breaker is open, exactly one call gets through until
    /// its outcome is known.
    ///
    /// # Errors
    /// [`CircuitOpen`].
    pub fn admit(&self) -> Result<Permit<'_>, CircuitOpen> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        match *state {
            State::Closed(_) => Ok(Permit { breaker: self, probe: None, is_settled: false }),
            State::Open { until, times } if now >= until => {
                *state = State::HalfOpen;
                Ok(Permit { breaker: self, probe: Some(times), is_settled: false })
            }
            State::Open { until, .. } => Err(CircuitOpen { retry_after: until.saturating_sub(now) }),
            State::HalfOpen => Err(CircuitOpen { retry_after: self.policy.open }),
        }
    }

    /// Whether a call would be refused now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match *self.state() {
            State::Closed(_) => false,
            State::Open { until, .. } => self.clock.monotonic() < until,
            State::HalfOpen => true,
        }
    }

    fn succeeded(&self, probe: Option<u32>) {
        if probe.is_some() {
            *self.state() = State::Closed(VecDeque::new());
        }
    }

    fn failed(&self, probe: Option<u32>) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        match (&mut *state, probe) {
            (_, Some(times)) => *state = self.opened(now, times.saturating_add(1)),
            (State::Closed(failures), None) => {
                failures.push_back(now);
                let window = self.policy.window;
                while failures.front().is_some_and(|first| now.saturating_sub(*first) > window) {
                    failures.pop_front();
                }
                if failures.len() >= usize::try_from(self.policy.failures).unwrap_or(usize::MAX) {
                    *state = self.opened(now, 0);
                }
            }
            // A call that began before the breaker opened says nothing about the server of now.
            (State::Open { .. } | State::HalfOpen, None) => {}
        }
    }

    /// The probe did not come to an end, so the next call is the probe.
    fn abandoned(&self, times: u32) {
        *self.state() = State::Open { until: self.clock.monotonic(), times };
    }

    /// Open for the time of the policy, doubled for each failed probe, and up to a fifth longer.
    fn opened(&self, now: Duration, times: u32) -> State {
        let doubled = self.policy.open.saturating_mul(1_u32.checked_shl(times.min(31)).unwrap_or(u32::MAX));
        let open = doubled.min(self.policy.most_open);
        State::Open { until: now + open + open.mul_f64(self.random.fraction() / 5.0), times }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that the breaker has let through. A call that is dropped counts neither way.
#[derive(Debug)]
#[must_use]
pub struct Permit<'a> {
    breaker: &'a CircuitBreaker,
    /// The number of failed probes before this one, if the call is a probe.
    probe: Option<u32>,
    is_settled: bool,
}

impl Permit<'_> {
    /// The server has answered.
    pub fn succeeded(mut self) {
        self.is_settled = true;
        self.breaker.succeeded(self.probe);
    }

    /// The server has not answered, or was not able to work.
    pub fn failed(mut self) {
        self.is_settled = true;
        self.breaker.failed(self.probe);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let (false, Some(times)) = (self.is_settled, self.probe) {
            self.breaker.abandoned(times);
        }
    }
}

#[cfg(test)]
mod tests;
