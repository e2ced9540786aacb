//! The arithmetic of [`RateLimits`](super::RateLimits), so that every limiter gives the same numbers.

use super::{Limit, Verdict};
use std::time::Duration;

/// Longer periods count as ten years, so that sums with the time of day stay exact in the double-precision numbers of a
/// Redis script.
const LONGEST_PERIOD: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The generic cell rate algorithm for one limit, in whole microseconds.
///
/// A key has a debt, which is the time until its whole burst is available again. Each call adds one interval to the
/// debt, and is refused if the debt would then exceed the capacity. The debt decreases as time passes. A limiter only
/// has to remember the time at which the debt of a key is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gcra {
    interval: u64,
    capacity: u64,
}

impl Gcra {
    /// Makes the algorithm for a limit. The interval is `period / burst`, rounded up so that the limit is never
    /// exceeded. A burst of zero allows no call.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        let period = u64::try_from(limit.period.min(LONGEST_PERIOD).as_micros()).unwrap_or(u64::MAX);
        let burst = u64::from(limit.burst);
        let interval = period.div_ceil(burst.max(1)).max(1);
        Self { interval, capacity: interval * burst }
    }

    /// The time between two calls at an even pace, in microseconds. At least 1.
    #[must_use]
    pub const fn interval_micros(self) -> u64 {
        self.interval
    }

    /// The largest debt of a key, in microseconds.
    #[must_use]
    pub const fn capacity_micros(self) -> u64 {
        self.capacity
    }

    /// Returns whether a call is allowed with this debt, and the debt after it.
    ///
    /// A debt above the capacity counts as the capacity. It can come from an earlier, larger limit, or from a clock
    /// that was set back.
    #[must_use]
    pub fn take(self, debt_micros: u64) -> (bool, u64) {
        let debt = debt_micros.min(self.capacity);
        if debt + self.interval <= self.capacity { (true, debt + self.interval) } else { (false, debt) }
    }

    /// Returns the verdict on a call, given the debt after it.
    #[must_use]
    pub fn verdict(self, allowed: bool, debt_micros: u64) -> Verdict {
        let free = self.capacity.saturating_sub(debt_micros);
        Verdict {
            allowed,
            remaining: u32::try_from(free / self.interval).unwrap_or(u32::MAX),
            retry_after: Duration::from_micros(self.interval.saturating_sub(free)),
            reset_after: Duration::from_micros(debt_micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gcra(burst: u32, period: Duration) -> Gcra {
        Gcra::new(Limit { burst, period })
    }

    #[test]
    fn the_burst_is_allowed_at_once_and_then_calls_at_an_even_pace() {
        let gcra = gcra(3, Duration::from_secs(60));
        let mut debt = 0;
        for remaining in [2, 1, 0] {
            let (allowed, after) = gcra.take(debt);
            debt = after;
            assert_eq!((allowed, gcra.verdict(allowed, debt).remaining), (true, remaining));
        }
        let (allowed, after) = gcra.take(debt);
        let verdict = gcra.verdict(allowed, after);
        assert_eq!(after, debt, "a refused call takes nothing");
        assert_eq!(
            verdict,
            Verdict {
                allowed: false,
                remaining: 0,
                retry_after: Duration::from_secs(20),
                reset_after: Duration::from_secs(60)
            }
        );
        assert!(!gcra.take(debt - 19_999_999).0);
        assert!(gcra.take(debt - 20_000_000).0);
    }

    #[test]
    fn an_interval_is_rounded_up() {
        let gcra = gcra(7, Duration::from_secs(60));
        assert_eq!(gcra.interval_micros(), 8_571_429);
        assert_eq!(gcra.capacity_micros(), 60_000_003);
    }

    #[test]
    fn extreme_limits_do_not_overflow() {
        assert!(!gcra(0, Duration::from_secs(60)).take(0).0);
        assert!(gcra(u32::MAX, Duration::MAX).take(0).0);
        assert!(gcra(1, Duration::ZERO).take(0).0);
        assert!(gcra(1, Duration::MAX).take(0).0);
        assert_eq!(gcra(2, Duration::from_secs(2)).take(u64::MAX), (false, 2_000_000));
    }

    proptest! {
        #[test]
        fn retry_after_is_the_time_until_the_next_call_is_allowed(
            burst in 1_u32..50, period in 1_u64..10_000_000, debt in 0_u64..20_000_000
        ) {
            let gcra = gcra(burst, Duration::from_micros(period));
            let (allowed, debt) = gcra.take(debt);
            let verdict = gcra.verdict(allowed, debt);
            let wait = u64::try_from(verdict.retry_after.as_micros()).unwrap();
            prop_assert!(gcra.take(debt.saturating_sub(wait)).0);
            prop_assert_eq!(wait == 0, verdict.remaining > 0);
            if wait > 0 {
                prop_assert!(!gcra.take(debt.saturating_sub(wait - 1)).0);
            }
        }
    }
}
