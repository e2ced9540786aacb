//! One interface to the arithmetic of all kinds of limits.

use super::{Gcra, Limit, LimitKind, Verdict, window::Window};
use std::time::Duration;

/// All that a limiter remembers of a key. A key without it has its whole burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// When the key can be forgotten, in microseconds of the limiter's clock.
    pub until: u64,
    /// The units that were taken in the window before. Zero if the limit is not a sliding one.
    pub previous: u32,
    /// The units that were taken in the window. Zero if the limit is smooth.
    pub current: u32,
}

/// The arithmetic of one limit. All times are in whole microseconds of the limiter's clock, since its epoch.
///
/// A tally under another limit never makes a caller wait for longer than the reset of this one. A clock that was set back
/// makes it wait for at most that, too, if the limiter stores what it gets from `take`, even of a refused call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// See [`LimitKind::Smooth`].
    Smooth(Gcra),
    /// See [`LimitKind::Fixed`] and [`LimitKind::Sliding`].
    Windows(Windows),
}

/// The arithmetic of a limit that counts in windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows(Window);

impl Windows {
    /// The length of a window.
    #[must_use]
    pub const fn period_micros(self) -> u64 {
        self.0.period_micros()
    }

    /// The length of the parts by which the count of the window before is weighed. Zero if the window is fixed.
    #[must_use]
    pub const fn part_micros(self) -> u64 {
        self.0.part_micros()
    }
}

impl Counting {
    /// The arithmetic of this limit.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        match limit.kind {
            LimitKind::Smooth => Self::Smooth(Gcra::new(limit)),
            LimitKind::Fixed | LimitKind::Sliding => Self::Windows(Windows(Window::new(limit))),
        }
    }

    /// Returns whether a call with this cost is allowed, and the tally after it, which is to be stored in any case.
    #[must_use]
    pub fn take(self, stored: Tally, now: u64, cost: u32) -> (bool, Tally) {
        match self {
            Self::Smooth(gcra) => {
                let (allowed, debt) = gcra.take(stored.until.saturating_sub(now), cost);
                (allowed, free_of_debt(now + debt))
            }
            Self::Windows(Windows(window)) => window.take(window.at(stored, now), now, cost),
        }
    }

    /// Returns the tally after this cost is given back.
    #[must_use]
    pub fn give_back(self, stored: Tally, now: u64, cost: u32) -> Tally {
        match self {
            Self::Smooth(gcra) => free_of_debt(now + gcra.give_back(stored.until.saturating_sub(now), cost)),
            Self::Windows(Windows(window)) => window.give_back(window.at(stored, now), cost),
        }
    }

    /// Whether the whole burst is available, so that the key can be forgotten at once.
    #[must_use]
    pub const fn is_full(self, tally: Tally, now: u64) -> bool {
        match self {
            Self::Smooth(_) => tally.until <= now,
            Self::Windows(_) => tally.previous == 0 && tally.current == 0,
        }
    }

    /// Returns the verdict on a call with this cost, given the tally after it at the same time.
    #[must_use]
    pub fn verdict(self, allowed: bool, tally: Tally, now: u64, cost: u32) -> Verdict {
        match self {
            Self::Smooth(gcra) => gcra.verdict(allowed, tally.until.saturating_sub(now), cost),
            Self::Windows(Windows(window)) => window.verdict(allowed, tally, now, cost),
        }
    }
}

impl Limit {
    /// Returns what a verdict of this limit becomes when units are given back. The reset of a sliding limit can be later
    /// than it is in fact.
    #[must_use]
    pub fn after_return(self, verdict: Verdict, units: u32) -> Verdict {
        match Counting::new(self) {
            Counting::Smooth(gcra) => {
                let debt = u64::try_from(verdict.reset_after.as_micros()).unwrap_or(u64::MAX);
                gcra.verdict(true, gcra.give_back(debt, units), units)
            }
            Counting::Windows(_) => {
                let remaining = verdict.remaining.saturating_add(units).min(self.burst);
                let reset_after = if remaining == self.burst { Duration::ZERO } else { verdict.reset_after };
                Verdict { allowed: true, remaining, retry_after: Duration::ZERO, reset_after }
            }
        }
    }

    /// How long a caller that was refused by this verdict waits at most until `more` units beside its cost are available,
    /// if all of them fit into the burst.
    #[must_use]
    pub fn wait_for_more(self, verdict: Verdict, more: u32) -> Duration {
        match Counting::new(self) {
            Counting::Smooth(gcra) => verdict.retry_after + Duration::from_micros(gcra.cost_micros(more)),
            Counting::Windows(_) if more == 0 => verdict.retry_after,
            Counting::Windows(_) => verdict.retry_after.max(verdict.reset_after),
        }
    }
}

const fn free_of_debt(until: u64) -> Tally {
    Tally { until, previous: 0, current: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [LimitKind; 3] = [LimitKind::Smooth, LimitKind::Fixed, LimitKind::Sliding];
    const NOW: u64 = 1_790_000_000_000_000;

    fn limit(kind: LimitKind, burst: u32, seconds: u64) -> Limit {
        Limit { kind, ..Limit::smooth(burst, Duration::from_secs(seconds)) }
    }

    #[test]
    fn what_is_given_back_is_said_to_remain() {
        for kind in KINDS {
            let limit = limit(kind, 5, 60);
            let counting = Counting::new(limit);
            let (_, tally) = counting.take(Tally::default(), NOW, 5);
            let taken = counting.verdict(true, tally, NOW, 5);
            for units in [1, 4, 5, 9] {
                let exact = counting.verdict(true, counting.give_back(tally, NOW, units), NOW, 1);
                let said = limit.after_return(taken, units);
                assert_eq!(
                    (said.remaining, said.reset_after),
                    (exact.remaining, exact.reset_after),
                    "{kind:?} {units}"
                );
            }
        }
    }

    #[test]
    fn after_the_wait_for_more_all_units_are_available() {
        for kind in KINDS {
            let limit = limit(kind, 5, 60);
            let counting = Counting::new(limit);
            let (_, tally) = counting.take(Tally::default(), NOW, 5);
            for more in 0..4 {
                let wait = limit.wait_for_more(counting.verdict(false, tally, NOW, 1), more);
                let later = NOW + u64::try_from(wait.as_micros()).unwrap();
                assert!(counting.take(tally, later, 1 + more).0, "{kind:?} {more}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_tally_and_any_clock_let_a_caller_in_after_the_reset(
            kind in 0_usize..3, burst in 1_u32..9, seconds in 1_u64..999,
            until in 0_u64..2 * NOW, previous in any::<u32>(), current in any::<u32>(), now in 0_u64..2 * NOW
        ) {
            let limit = limit(KINDS[kind], burst, seconds);
            let counting = Counting::new(limit);
            let (allowed, tally) = counting.take(Tally { until, previous, current }, now, burst);
            let reset = counting.verdict(allowed, tally, now, burst).reset_after;
            // The burst of a smooth limit is rounded up to whole microseconds.
            prop_assert!(reset <= limit.period * 2 + Duration::from_micros(9));
            prop_assert!(counting.take(tally, now + u64::try_from(reset.as_micros()).unwrap(), burst).0);
        }

        #[test]
        fn what_is_given_back_at_once_was_never_taken(kind in 0_usize..3, costs in proptest::collection::vec(0_u32..9, 1..9)) {
            let counting = Counting::new(limit(KINDS[kind], 9, 60));
            let mut tally = Tally::default();
            for cost in costs {
                let (allowed, taken) = counting.take(tally, NOW, cost);
                let without = counting.take(tally, NOW, 0).1;
                if allowed {
                    prop_assert_eq!(counting.give_back(taken, NOW, cost), without);
                } else {
                    prop_assert_eq!(taken, without, "a refused call takes nothing");
                }
                tally = taken;
            }
        }
    }
}
