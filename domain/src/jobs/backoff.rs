//! The pauses between attempts.

use crate::shared::Timestamp;
use std::time::Duration;

/// How long a job waits after a failed attempt: a random time between zero and a limit that doubles with each attempt
/// ("full jitter"), so that jobs that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The limit after the first attempt.
    pub base: Duration,
    /// The greatest limit.
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::USUAL
    }
}

impl Backoff {
    /// 5 seconds, at most 6 hours.
    pub const USUAL: Self = Self { base: Duration::from_secs(5), cap: Duration::from_secs(6 * 60 * 60) };

    /// The pause after failed attempt number `attempt`, counted from 1. `fraction` is random, at least 0 and below 1.
    #[must_use]
    pub fn pause(self, attempt: u32, fraction: f64) -> Duration {
        let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).and_then(|factor| self.base.checked_mul(factor));
        let limit = doubled.map_or(self.cap, |limit| limit.min(self.cap));
        limit.mul_f64(fraction.clamp(0.0, 1.0))
    }
}

/// What happens to a job after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It is tried again after the pause of its [`Backoff`], unless it has used all attempts.
    Later,
    /// It is tried again at this time, unless it has used all attempts.
    At(Timestamp),
    /// It is not tried again.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_limit_doubles_up_to_its_cap() {
        let limits = [1, 2, 3, 12, 13, 14, 33, 1_000].map(|attempt| Backoff::default().pause(attempt, 1.0).as_secs());
        assert_eq!(limits, [5, 10, 20, 10_240, 20_480, 21_600, 21_600, 21_600]);
        assert_eq!(Backoff::default().pause(0, 1.0).as_secs(), 5, "as after the first");
    }

    proptest! {
        #[test]
        fn every_pause_is_within_its_limit(attempt in any::<u32>(), fraction in 0.0..1.0_f64, base in 0_u64..100_000) {
            let backoff = Backoff { base: Duration::from_millis(base), ..Backoff::default() };
            let pause = backoff.pause(attempt, fraction);
            prop_assert!(pause <= backoff.pause(attempt, 1.0) && pause <= backoff.cap);
            prop_assert_eq!(backoff.pause(attempt, 0.0), Duration::ZERO);
        }
    }
}
