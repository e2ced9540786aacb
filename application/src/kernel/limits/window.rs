//! The arithmetic of the limits that count in windows.

use super::{Limit, LimitKind, Tally, Verdict, gcra::period_micros};
use std::time::Duration;

/// The most parts into which a window is divided to weigh the count of the window before it. A count times this number
/// stays exact in the double-precision numbers of a Redis script.
const PARTS: u64 = 1 << 16;

/// Counts in windows of one period, which are aligned to the epoch of the limiter's clock.
///
/// A fixed window counts the units that were taken in it. A sliding one adds a share of the count of the window before
/// it, which decreases to zero while the window passes. The share is rounded up, so the count is never too low by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    burst: u32,
    period: u64,
    /// The length of a part of a sliding window. Zero if the window is fixed.
    part: u64,
}

impl Window {
    pub(super) fn new(limit: Limit) -> Self {
        let period = period_micros(limit).max(1);
        let part = if limit.kind == LimitKind::Sliding { period.div_ceil(PARTS) } else { 0 };
        Self { burst: limit.burst, period, part }
    }

    pub(super) const fn period_micros(self) -> u64 {
        self.period
    }

    pub(super) const fn part_micros(self) -> u64 {
        self.part
    }

    /// How long a count is kept after the end of its window.
    const fn kept(self) -> u64 {
        if self.part > 0 { self.period } else { 0 }
    }

    /// The counts at this time. If the clock was set back, the stored window has not begun yet: all its counts are moved
    /// to the window of this time, so that they keep their weight and hold for no longer than others.
    pub(super) fn at(self, stored: Tally, now: u64) -> Tally {
        let until = now - now % self.period + self.period + self.kept();
        let (previous, current) = if stored.until > until {
            (0, stored.previous.saturating_add(stored.current))
        } else if stored.until == until {
            (stored.previous, stored.current)
        } else if self.part > 0 && stored.until + self.period == until {
            (stored.current, 0)
        } else {
            (0, 0)
        };
        let previous = if self.part > 0 { previous.min(self.burst) } else { 0 };
        Tally { until, previous, current: current.min(self.burst) }
    }

    /// The units that count at this time.
    fn used(self, tally: Tally, now: u64) -> u64 {
        let weighed = if self.part > 0 {
            let left = self.left(tally, now).div_ceil(self.part).min(self.parts());
            (u64::from(tally.previous) * left).div_ceil(self.parts())
        } else {
            0
        };
        weighed + u64::from(tally.current)
    }

    /// The number of whole parts in a window, so that a share is never too low.
    const fn parts(self) -> u64 {
        self.period / self.part
    }

    /// The time until the window ends.
    const fn left(self, tally: Tally, now: u64) -> u64 {
        (tally.until - self.kept()).saturating_sub(now)
    }

    pub(super) fn take(self, tally: Tally, now: u64, cost: u32) -> (bool, Tally) {
        if cost > 0 && self.used(tally, now) + u64::from(cost) > u64::from(self.burst) {
            return (false, tally);
        }
        (true, Tally { current: tally.current.saturating_add(cost), ..tally })
    }

    /// Gives units back to this window first, and then to the one before it, which may have ended since.
    pub(super) fn give_back(self, tally: Tally, cost: u32) -> Tally {
        let rest = cost.saturating_sub(tally.current);
        let (previous, current) = (tally.previous.saturating_sub(rest), tally.current.saturating_sub(cost));
        Tally { previous, current, ..tally }
    }

    pub(super) fn verdict(self, allowed: bool, tally: Tally, now: u64, cost: u32) -> Verdict {
        let free = u64::from(self.burst).saturating_sub(self.used(tally, now));
        let left = self.left(tally, now);
        let reset = match (tally.previous, tally.current) {
            (0, 0) => 0,
            (_, 0) => left,
            _ => left + self.kept(),
        };
        Verdict {
            allowed,
            remaining: u32::try_from(free).unwrap_or(u32::MAX),
            retry_after: Duration::from_micros(self.wait(tally, now, cost)),
            reset_after: Duration::from_micros(reset),
        }
    }

    /// The time until this cost is available. A cost that is never allowed waits for the next window.
    fn wait(self, tally: Tally, now: u64, cost: u32) -> u64 {
        let (burst, cost) = (u64::from(self.burst), u64::from(cost));
        if cost == 0 || self.used(tally, now) + cost <= burst {
            return 0;
        }
        let left = self.left(tally, now);
        if self.part == 0 || cost > burst {
            return left;
        }
        let current = u64::from(tally.current);
        // The count that has to become small enough, the room for it, and the end of the window that weighs it.
        let (count, room, end) = if current + cost <= burst {
            (u64::from(tally.previous), burst - current - cost, left)
        } else {
            (current, burst - cost, left + self.period)
        };
        end - room * self.parts() / count * self.part
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 86_400_000_000;
    const MINUTE: Duration = Duration::from_secs(60);
    const M: u64 = 60_000_000;
    /// The begin of a window of a minute.
    const START: u64 = 29_833_333 * M;

    fn window(burst: u32, kind: LimitKind) -> Window {
        Window::new(Limit { kind, ..Limit::smooth(burst, MINUTE) })
    }

    #[test]
    fn a_fixed_window_allows_the_burst_until_it_ends() {
        let fixed = window(3, LimitKind::Fixed);
        let now = START + M / 4;
        let (allowed, tally) = fixed.take(fixed.at(Tally::default(), now), now, 3);
        assert!(allowed);
        let verdict = fixed.verdict(true, tally, now, 1);
        assert_eq!((verdict.remaining, verdict.retry_after, verdict.reset_after), (0, MINUTE * 3 / 4, MINUTE * 3 / 4));
        assert!(!fixed.take(fixed.at(tally, START + M - 1), START + M - 1, 1).0);
        assert!(fixed.take(fixed.at(tally, START + M), START + M, 3).0, "twice the burst around the edge");
    }

    #[test]
    fn a_sliding_window_weighs_the_count_of_the_window_before_it() {
        let sliding = window(10, LimitKind::Sliding);
        let tally = sliding.take(sliding.at(Tally::default(), START), START, 10).1;
        let verdict = sliding.verdict(false, tally, START, 1);
        assert_eq!((verdict.remaining, verdict.reset_after), (0, MINUTE * 2));
        // A tenth of the next window has to pass, to the length of a part.
        let wait = verdict.retry_after.as_micros();
        assert!((66_000_000..66_002_000).contains(&wait), "{wait}");
        let half = START + M + M / 2;
        let tally = sliding.at(tally, half);
        assert_eq!((tally.previous, tally.current), (10, 0));
        let verdict = sliding.verdict(true, tally, half, 1);
        assert!((4..=5).contains(&verdict.remaining), "{verdict:?}");
        assert_eq!(verdict.reset_after, MINUTE / 2);
        assert_eq!(sliding.at(tally, START + 2 * M).previous, 0);
    }

    #[test]
    fn a_clock_that_was_set_back_moves_the_counts_to_its_window() {
        for kind in [LimitKind::Fixed, LimitKind::Sliding] {
            let window = window(2, kind);
            let tally = window.take(window.at(Tally::default(), START), START, 2).1;
            let back = START - 1_000 * DAY;
            let moved = window.at(tally, back);
            assert!(!window.take(moved, back, 1).0);
            let verdict = window.verdict(false, moved, back, 1);
            assert!(verdict.retry_after <= MINUTE * 2, "{verdict:?}");
            let later = back + u64::try_from(verdict.retry_after.as_micros()).unwrap();
            assert!(window.take(window.at(moved, later), later, 1).0, "{kind:?}");
        }
    }

    #[test]
    fn a_small_step_back_over_the_edge_of_a_window_gives_nothing_extra() {
        let sliding = window(10, LimitKind::Sliding);
        let edge = START + M;
        let tally = sliding.take(sliding.at(Tally::default(), edge - 1), edge - 1, 10).1;
        let tally = sliding.take(sliding.at(tally, edge), edge, 1).1;
        assert_eq!((tally.previous, tally.current), (10, 0));
        assert!(!sliding.take(sliding.at(tally, edge - 2), edge - 2, 1).0);
    }

    #[test]
    fn units_are_given_back_to_the_window_and_then_to_the_one_before() {
        let sliding = window(9, LimitKind::Sliding);
        let tally = Tally { until: START + 2 * M, previous: 4, current: 3 };
        for (cost, left) in [(2, (4, 1)), (3, (4, 0)), (5, (2, 0)), (u32::MAX, (0, 0))] {
            let tally = sliding.give_back(tally, cost);
            assert_eq!((tally.previous, tally.current), left);
        }
    }

    #[test]
    fn extreme_limits_do_not_overflow_and_stay_exact_in_a_script() {
        for kind in [LimitKind::Fixed, LimitKind::Sliding] {
            for period in [Duration::ZERO, Duration::from_micros(1), Duration::MAX] {
                let window = Window::new(Limit { kind, ..Limit::smooth(u32::MAX, period) });
                let tally = window.at(Tally::default(), START);
                assert!(tally.until < 1 << 53);
                let (allowed, tally) = window.take(tally, START, u32::MAX);
                assert!(allowed && !window.take(tally, START, 1).0);
                let verdict = window.verdict(false, tally, START, u32::MAX);
                assert!(verdict.retry_after > Duration::ZERO && verdict.retry_after <= verdict.reset_after);
            }
            let none = Window::new(Limit { kind, ..Limit::smooth(0, MINUTE) });
            let tally = none.at(Tally::default(), START);
            assert!(!none.take(tally, START, 1).0 && none.take(tally, START, 0).0);
            assert!(none.verdict(false, tally, START, 1).retry_after > Duration::ZERO);
        }
    }

    proptest! {
        #[test]
        fn a_fixed_window_never_allows_more_than_the_burst(
            burst in 0_u32..20, calls in proptest::collection::vec((0_u64..M, 0_u32..9), 1..60)
        ) {
            let fixed = window(burst, LimitKind::Fixed);
            let (mut tally, mut now, mut taken) = (Tally::default(), START, std::collections::BTreeMap::new());
            for (wait, cost) in calls {
                now += wait;
                let before = fixed.at(tally, now);
                let (allowed, after) = fixed.take(before, now, cost);
                prop_assert!(allowed || after == before, "a refused call takes nothing");
                let of_window: &mut u32 = taken.entry(now / M).or_default();
                *of_window += if allowed { cost } else { 0 };
                prop_assert!(*of_window <= burst);
                tally = after;
            }
        }

        #[test]
        fn a_sliding_window_never_allows_more_than_the_burst_by_its_formula(
            burst in 0_u32..20, calls in proptest::collection::vec((0_u64..M, 0_u32..9), 1..60)
        ) {
            let sliding = window(burst, LimitKind::Sliding);
            let (mut tally, mut now, mut taken) = (Tally::default(), START, std::collections::BTreeMap::new());
            for (wait, cost) in calls {
                now += wait;
                let before = sliding.at(tally, now);
                let (allowed, after) = sliding.take(before, now, cost);
                prop_assert!(allowed || after == before, "a refused call takes nothing");
                if allowed && cost > 0 {
                    *taken.entry(now / M).or_insert(0_u64) += u64::from(cost);
                    let of = |window| taken.get(&window).copied().unwrap_or_default();
                    // In whole microseconds: the share of the window before is the time that is left of this one.
                    let weighed = of(now / M - 1) * (M - now % M) + of(now / M) * M;
                    prop_assert!(weighed <= u64::from(burst) * M, "{weighed}");
                }
                tally = after;
            }
        }

        #[test]
        fn retry_after_is_the_time_until_the_next_call_is_allowed(
            burst in 1_u32..50, cost in 1_u32..50, period in 1_u64..10_000_000, passed in 0_u64..20_000_000,
            previous in 0_u32..50, current in 0_u32..50, slides in any::<bool>()
        ) {
            prop_assume!(cost <= burst);
            let kind = if slides { LimitKind::Sliding } else { LimitKind::Fixed };
            let window = Window::new(Limit { kind, ..Limit::smooth(burst, Duration::from_micros(period)) });
            let now = START + passed;
            let empty = window.at(Tally::default(), now);
            let tally = window.at(Tally { previous, current, ..empty }, now);
            let verdict = window.verdict(true, tally, now, cost);
            let wait = u64::try_from(verdict.retry_after.as_micros()).unwrap();
            prop_assert!(verdict.retry_after <= verdict.reset_after);
            prop_assert_eq!(wait == 0, verdict.remaining >= cost);
            prop_assert!(window.take(window.at(tally, now + wait), now + wait, cost).0);
            if wait > 0 {
                prop_assert!(!window.take(window.at(tally, now + wait - 1), now + wait - 1, cost).0);
            }
        }
    }
}
