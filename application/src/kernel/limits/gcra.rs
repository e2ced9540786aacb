//! The arithmetic of [`RateLimits`](super::RateLimits), so that every limiter gives the same numbers.

use super::{Limit, Verdict};
use std::time::Duration;

/// Longer periods count as ten years, so that sums with the time of day stay exact in the double-precision numbers of a
/// Redis script.
const LONGEST_PERIOD: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The generic cell rate algorithm for one limit, in whole microseconds.
///
/// A key has a debt, which is the time until its whole burst is available again. Each unit adds one interval to the
/// debt, and a call is refused if the debt would then exceed the capacity. The debt decreases as time passes. A limiter
/// only has to remember the time at which the debt of a key is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gcra {
    interval: u64,
    capacity: u64,
}

impl Gcra {
    /// Makes the algorithm for a limit. The interval is `period / burst`, rounded up so that the limit is never
    /// exceeded. A burst of zero allows no call that costs something.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        let period = period_micros(limit);
        let burst = u64::from(limit.burst);
        let interval = period.div_ceil(burst.max(1)).max(1);
        Self { interval, capacity: interval * burst }
    }

    /// The debt of a call with this cost, in microseconds. A cost that is never allowed counts as one unit above the
    /// capacity, so that the number stays exact in a script.
    #[must_use]
    pub fn cost_micros(self, cost: u32) -> u64 {
        self.interval.saturating_mul(u64::from(cost)).min(self.capacity + self.interval)
    }

    /// The largest debt of a key, in microseconds.
    #[must_use]
    pub const fn capacity_micros(self) -> u64 {
        self.capacity
    }

    /// Returns whether a call with this cost is allowed with this debt, and the debt after it.
    ///
    /// A debt above the capacity counts as the capacity. It can come from an earlier, larger limit, or from a clock
    /// that was set back.
    #[must_use]
    pub fn take(self, debt_micros: u64, cost: u32) -> (bool, u64) {
        let debt = debt_micros.min(self.capacity);
        let after = debt + self.cost_micros(cost);
        if after <= self.capacity { (true, after) } else { (false, debt) }
    }

    /// Returns the debt after this cost is given back.
    #[must_use]
    pub fn give_back(self, debt_micros: u64, cost: u32) -> u64 {
        debt_micros.min(self.capacity).saturating_sub(self.cost_micros(cost))
    }

    /// Returns the verdict on a call with this cost, given the debt after it.
    #[must_use]
    pub fn verdict(self, allowed: bool, debt_micros: u64, cost: u32) -> Verdict {
        let free = self.capacity.saturating_sub(debt_micros);
        Verdict {
            allowed,
            remaining: u32::try_from(free / self.interval).unwrap_or(u32::MAX),
            retry_after: Duration::from_micros(self.cost_micros(cost).saturating_sub(free)),
            reset_after: Duration::from_micros(debt_micros),
        }
    }
}

/// The period of a limit in whole microseconds.
pub(super) fn period_micros(limit: Limit) -> u64 {
    u64::try_from(limit.period.min(LONGEST_PERIOD).as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gcra(burst: u32, period: Duration) -> Gcra {
        Gcra::new(Limit::smooth(burst, period))
    }

    #[test]
    fn the_burst_is_allowed_at_once_and_then_calls_at_an_even_pace() {
        let gcra = gcra(3, Duration::from_secs(60));
        let mut debt = 0;
        for remaining in [2, 1, 0] {
            let (allowed, after) = gcra.take(debt, 1);
            debt = after;
            assert_eq!((allowed, gcra.verdict(allowed, debt, 1).remaining), (true, remaining));
        }
        let (allowed, after) = gcra.take(debt, 1);
        let verdict = gcra.verdict(allowed, after, 1);
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
        assert!(!gcra.take(debt - 19_999_999, 1).0);
        assert!(gcra.take(debt - 20_000_000, 1).0);
    }

    #[test]
    fn an_interval_is_rounded_up() {
        let gcra = gcra(7, Duration::from_secs(60));
        assert_eq!(gcra.cost_micros(1), 8_571_429);
        assert_eq!(gcra.capacity_micros(), 60_000_003);
    }

    #[test]
    fn extreme_limits_do_not_overflow() {
        assert!(!gcra(0, Duration::from_secs(60)).take(0, 1).0);
        assert!(gcra(u32::MAX, Duration::MAX).take(0, u32::MAX).0);
        assert!(gcra(1, Duration::ZERO).take(0, 1).0);
        assert!(gcra(1, Duration::MAX).take(0, 1).0);
        assert!(!gcra(1, Duration::MAX).take(0, u32::MAX).0);
        assert_eq!(gcra(2, Duration::from_secs(2)).take(u64::MAX, 1), (false, 2_000_000));
        // Doubles are exact up to 2^53, and a script adds these numbers to the time of day.
        let (day, largest) = (gcra(1, Duration::MAX), gcra(u32::MAX, Duration::MAX));
        assert!([day, largest].iter().all(|gcra| gcra.cost_micros(u32::MAX) + gcra.capacity_micros() < 1 << 51));
    }

    #[test]
    fn a_cost_above_the_burst_is_never_allowed_and_one_of_zero_always_is() {
        let gcra = gcra(3, Duration::from_secs(60));
        assert_eq!(gcra.take(0, 4), (false, 0));
        assert!(gcra.verdict(false, 0, 4).retry_after > Duration::ZERO);
        assert_eq!(gcra.take(60_000_000, 0), (true, 60_000_000));
    }

    #[test]
    fn what_is_given_back_is_available_at_once_and_never_exceeds_the_burst() {
        let gcra = gcra(3, Duration::from_secs(60));
        let (_, debt) = gcra.take(0, 3);
        assert_eq!(gcra.give_back(debt, 2), 20_000_000);
        assert_eq!(gcra.give_back(debt, 3), 0);
        assert_eq!(gcra.give_back(debt, u32::MAX), 0);
        assert_eq!(gcra.give_back(u64::MAX, 1), 40_000_000, "an excessive debt counts as the capacity");
    }

    proptest! {
        #[test]
        fn retry_after_is_the_time_until_the_next_call_is_allowed(
            burst in 1_u32..50, cost in 1_u32..50, period in 1_u64..10_000_000, debt in 0_u64..20_000_000
        ) {
            prop_assume!(cost <= burst);
            let gcra = gcra(burst, Duration::from_micros(period));
            let (allowed, debt) = gcra.take(debt, cost);
            let verdict = gcra.verdict(allowed, debt, cost);
            let wait = u64::try_from(verdict.retry_after.as_micros()).unwrap();
            prop_assert!(gcra.take(debt.saturating_sub(wait), cost).0);
            prop_assert_eq!(wait == 0, verdict.remaining >= cost);
            if wait > 0 {
                prop_assert!(!gcra.take(debt.saturating_sub(wait - 1), cost).0);
            }
        }

        #[test]
        fn a_cost_is_as_many_calls_of_one_unit(burst in 1_u32..50, cost in 0_u32..60, debt in 0_u64..70_000_000) {
            let gcra = gcra(burst, Duration::from_secs(60));
            let debt = debt.min(gcra.capacity_micros());
            let singles = (0..cost).try_fold(debt, |debt, _| match gcra.take(debt, 1) {
                (true, debt) => Some(debt),
                (false, _) => None,
            });
            prop_assert_eq!(gcra.take(debt, cost), singles.map_or((false, debt), |debt| (true, debt)));
            if let Some(taken) = singles {
                prop_assert_eq!(gcra.give_back(taken, cost), debt);
            }
        }
    }
}
