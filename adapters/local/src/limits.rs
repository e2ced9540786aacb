//! Rate limits inside the process.

use async_trait::async_trait;
use skep_application::kernel::{Clock, Counting, Limit, RateLimits, StoreError, Tally, Verdict};
use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The number of maps that keys are spread over. Each has its own lock.
const SHARDS: usize = 64;
/// The number of keys up to which a shard is not swept.
const FEW: usize = 64;
/// The most keys in memory: about 35 MB.
const MAX_KEYS: usize = 1 << 18;
/// While a shard is used, it is swept at least once in this time, in microseconds.
const SWEEP_EVERY: u64 = 60_000_000;

/// Counts in the memory of this process. Its clock starts with the time of day and then is the monotonic one, so it never
/// goes back.
///
/// Keys whose bucket is full again are removed. If more than 262,144 keys are still in use, the half of a shard that would
/// be removed first is removed, too; of keys whose windows end together, it is the less used half. So an attacker that
/// makes up keys cannot exhaust the memory, and busy keys are removed last.
pub struct LocalLimits {
    clock: Arc<dyn Clock>,
    /// The time of day when the monotonic clock was zero, in microseconds.
    zero: u64,
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
    max_keys_per_shard: usize,
}

#[derive(Default)]
struct Shard {
    tallies: HashMap<Box<str>, Tally>,
    /// The number of keys at which the next sweep starts.
    sweep_at_len: usize,
    swept_at: u64,
}

impl LocalLimits {
    /// Empty counters on this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_max_keys(clock, MAX_KEYS)
    }

    pub(crate) fn with_max_keys(clock: Arc<dyn Clock>, max_keys: usize) -> Self {
        let day = u64::try_from(clock.now().as_millis()).unwrap_or(0).saturating_mul(1_000);
        let zero = day.saturating_sub(micros(clock.monotonic()));
        Self {
            clock,
            zero,
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            max_keys_per_shard: (max_keys / SHARDS).max(2),
        }
    }

    /// Takes `cost` units from the bucket of `key`, without waiting.
    pub fn take_now(&self, key: &str, cost: u32, limit: Limit) -> Verdict {
        let counting = Counting::new(limit);
        let mut shard = self.shard(key);
        let now = self.now();
        let known = shard.tallies.get_mut(key);
        let (allowed, tally) = counting.take(known.as_deref().copied().unwrap_or_default(), now, cost);
        match known {
            Some(known) => *known = tally,
            None if counting.is_full(tally, now) => {}
            None => shard.insert(key, now, tally, self.max_keys_per_shard),
        }
        counting.verdict(allowed, tally, now, cost)
    }

    /// Gives units back to the bucket of `key`, without waiting.
    pub fn give_back_now(&self, key: &str, cost: u32, limit: Limit) {
        let mut shard = self.shard(key);
        let now = self.now();
        // The bucket of an unknown key is full.
        if let Some(tally) = shard.tallies.get_mut(key) {
            *tally = Counting::new(limit).give_back(*tally, now, cost);
        }
    }

    /// The time in microseconds. It is read under the lock of a shard, so that it does not go back between two calls
    /// for one key.
    fn now(&self) -> u64 {
        self.zero + micros(self.clock.monotonic())
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash choose a shard")]
    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[self.hasher.hash_one(key) as usize % SHARDS];
        // A panic never leaves a shard half changed.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().tallies.len()).sum()
    }
}

impl Shard {
    fn insert(&mut self, key: &str, now: u64, tally: Tally, max: usize) {
        let len = self.tallies.len();
        let many = len >= self.sweep_at_len.max(FEW) || len >= max;
        if many || now.saturating_sub(self.swept_at) >= SWEEP_EVERY {
            self.sweep(now, max);
        }
        self.tallies.insert(key.into(), tally);
    }

    /// Removes keys. The next sweep starts at twice the remaining keys, so the cost per key does not grow with their
    /// number.
    fn sweep(&mut self, now: u64, max: usize) {
        self.tallies.retain(|_, tally| tally.until > now);
        if self.tallies.len() >= max {
            let use_of = |tally: &Tally| (tally.until, u64::from(tally.previous) + u64::from(tally.current));
            let mut uses: Vec<_> = self.tallies.values().map(use_of).collect();
            let middle = uses.len() / 2;
            let (_, &mut median, _) = uses.select_nth_unstable(middle);
            // Of the keys that are used alike, any may be removed.
            let mut surplus = middle + 1;
            self.tallies.retain(|_, tally| {
                let forget = surplus > 0 && use_of(tally) <= median;
                surplus -= usize::from(forget);
                !forget
            });
        }
        self.tallies.shrink_to(2 * self.tallies.len());
        self.sweep_at_len = (2 * self.tallies.len()).min(max);
        self.swept_at = now;
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 4)
}

#[async_trait]
impl RateLimits for LocalLimits {
    async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
        Ok(self.take_now(key, cost, limit))
    }

    async fn give_back(&self, key: &str, cost: u32, limit: Limit) -> Result<(), StoreError> {
        self.give_back_now(key, cost, limit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use skep_application::{kernel::LimitKind, testing::FixedClock};

    const HOUR: Duration = Duration::from_secs(3_600);

    fn limits() -> (Arc<FixedClock>, LocalLimits) {
        let clock = Arc::new(FixedClock::default());
        (Arc::clone(&clock), LocalLimits::new(clock))
    }

    #[test]
    fn exactly_the_burst_is_allowed_then_one_every_interval() {
        let (clock, limits) = limits();
        let limit = Limit::smooth(5, Duration::from_secs(10));
        let verdicts: Vec<_> = (0..7).map(|_| limits.take_now("a", 1, limit)).collect();
        assert_eq!(verdicts.iter().map(|v| v.remaining).collect::<Vec<_>>(), [4, 3, 2, 1, 0, 0, 0]);
        assert_eq!(verdicts.iter().filter(|v| v.allowed).count(), 5);
        assert_eq!(verdicts[6].retry_after, Duration::from_secs(2));
        assert_eq!(verdicts[6].reset_after, Duration::from_secs(10));

        clock.advance(Duration::from_micros(1_999_999));
        assert!(!limits.take_now("a", 1, limit).allowed);
        clock.advance(Duration::from_micros(1));
        assert!(limits.take_now("a", 1, limit).allowed);
        assert!(!limits.take_now("a", 1, limit).allowed);
    }

    #[test]
    fn keys_are_independent_and_may_have_different_limits() {
        let (_, limits) = limits();
        let one = Limit::smooth(1, HOUR);
        assert!(limits.take_now("login:a", 1, one).allowed);
        assert!(!limits.take_now("login:a", 1, one).allowed);
        assert!(limits.take_now("login:b", 1, one).allowed);
        assert_eq!(limits.take_now("general:a", 1, Limit::smooth(9, HOUR)).remaining, 8);
    }

    #[test]
    fn a_lower_limit_applies_at_once_and_recovers_at_its_own_rate() {
        let (clock, limits) = limits();
        for _ in 0..100 {
            limits.take_now("a", 1, Limit::smooth(100, HOUR));
        }
        let lower = Limit::smooth(2, Duration::from_secs(2));
        assert!(!limits.take_now("a", 1, lower).allowed);
        clock.advance(Duration::from_secs(1));
        assert!(limits.take_now("a", 1, lower).allowed);
    }

    #[test]
    fn keys_with_a_full_bucket_are_removed() {
        let (clock, limits) = limits();
        let limit = Limit::smooth(1, Duration::from_secs(1));
        for n in 0..100_000 {
            limits.take_now(&format!("old {n}"), 1, limit);
        }
        assert_eq!(limits.len(), 100_000);
        clock.advance(Duration::from_secs(60));
        for n in 0..10_000 {
            limits.take_now(&format!("new {n}"), 1, limit);
        }
        assert_eq!(limits.len(), 10_000, "every shard was used, and none holds an old key");
    }

    #[test]
    fn a_million_keys_at_once_neither_exhaust_the_memory_nor_remove_the_busy_ones() {
        let (_, limits) = limits();
        let login = Limit::smooth(10, HOUR);
        for _ in 0..10 {
            assert!(limits.take_now("busy", 1, login).allowed);
        }
        for n in 0..1_000_000 {
            assert!(limits.take_now(&format!("made up {n}"), 1, login).allowed);
        }
        assert!(limits.len() <= MAX_KEYS);
        assert!(!limits.take_now("busy", 1, login).allowed);
    }

    #[test]
    fn a_limit_that_allows_nothing_stores_no_key() {
        let (_, limits) = limits();
        assert!(!limits.take_now("a", 1, Limit::smooth(0, HOUR)).allowed);
        assert_eq!(limits.len(), 0);
    }

    #[test]
    fn units_that_are_given_back_can_be_taken_again_and_store_no_key() {
        let (_, limits) = limits();
        let limit = Limit::smooth(5, HOUR);
        assert!(limits.take_now("a", 4, limit).allowed);
        assert!(!limits.take_now("a", 2, limit).allowed);
        limits.give_back_now("a", 3, limit);
        assert_eq!(limits.take_now("a", 4, limit).remaining, 0);
        limits.give_back_now("a", 9, limit);
        assert_eq!(limits.take_now("a", 5, limit).remaining, 0, "the burst is back, and no more");
        limits.give_back_now("unknown", 9, limit);
        assert_eq!(limits.len(), 1);
    }

    #[test]
    fn windows_are_aligned_to_the_time_of_day_and_an_hour_back_changes_nothing() {
        let (clock, limits) = limits();
        // The clock of tests starts at midnight.
        clock.advance(HOUR / 4);
        let limit = |kind| Limit { kind, ..Limit::smooth(4, HOUR) };
        for (key, kind, reset) in [("f", LimitKind::Fixed, HOUR * 3 / 4), ("s", LimitKind::Sliding, HOUR * 7 / 4)] {
            let verdict = limits.take_now(key, 4, limit(kind));
            assert_eq!((verdict.allowed, verdict.remaining, verdict.reset_after), (true, 0, reset), "{kind:?}");
        }
        clock.jump_to(clock.now().plus_millis(-3_600_000));
        clock.advance(HOUR * 3 / 4 - Duration::from_micros(1));
        assert!(!limits.take_now("f", 1, limit(LimitKind::Fixed)).allowed);
        clock.advance(Duration::from_micros(1));
        assert_eq!(limits.take_now("f", 1, limit(LimitKind::Fixed)).remaining, 3);
        assert!(!limits.take_now("s", 1, limit(LimitKind::Sliding)).allowed, "the hour before has its full weight");
        // A share is rounded up to whole parts of the window, which are shorter than this second.
        clock.advance(HOUR / 2 + Duration::from_secs(1));
        let verdict = limits.take_now("s", 2, limit(LimitKind::Sliding));
        assert_eq!(
            (verdict.allowed, verdict.remaining, verdict.reset_after),
            (true, 0, HOUR * 3 / 2 - Duration::from_secs(1))
        );
        clock.advance(HOUR * 2);
        for n in 0..SHARDS * FEW * 2 {
            limits.take_now(&format!("new {n}"), 1, limit(LimitKind::Smooth));
        }
        assert_eq!(limits.len(), SHARDS * FEW * 2, "both are forgotten");
    }

    #[test]
    fn of_keys_whose_windows_end_together_the_busy_ones_are_removed_last() {
        let clock: Arc<dyn Clock> = Arc::<FixedClock>::default();
        let limits = LocalLimits::with_max_keys(clock, 1 << 12);
        let limit = Limit { kind: LimitKind::Fixed, ..Limit::smooth(9, HOUR) };
        assert!(limits.take_now("busy", 9, limit).allowed);
        for n in 0..1 << 14 {
            assert!(limits.take_now(&format!("made up {n}"), 1, limit).allowed);
        }
        assert!(limits.len() <= 1 << 12);
        assert!(!limits.take_now("busy", 1, limit).allowed);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_200_tasks_at_once_exactly_the_burst_is_allowed() {
        let (_, limits) = limits();
        let limits: Arc<dyn RateLimits> = Arc::new(limits);
        let start = Arc::new(tokio::sync::Barrier::new(200));
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let (limits, start) = (Arc::clone(&limits), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    limits.take("a", 1, Limit::smooth(32, HOUR)).await.unwrap().allowed
                })
            })
            .collect();
        let mut allowed = 0;
        for task in tasks {
            allowed += u32::from(task.await.unwrap());
        }
        assert_eq!(allowed, 32);
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_the_share_of_the_time_is_allowed(
            burst in 1_u32..20,
            period_micros in 1_u64..5_000_000,
            steps in proptest::collection::vec((0_u64..1_000_000, 1_u32..30), 1..40),
        ) {
            let (clock, limits) = limits();
            let limit = Limit::smooth(burst, Duration::from_micros(period_micros));
            // Compares the allowed calls with the limit, for every window that starts with a call.
            let mut allowed: Vec<u64> = Vec::new();
            let mut now = 0;
            for (wait, calls) in steps {
                clock.advance(Duration::from_micros(wait));
                now += wait;
                for _ in 0..calls {
                    if limits.take_now("a", 1, limit).allowed {
                        allowed.push(now);
                    }
                }
            }
            for (first, start) in allowed.iter().enumerate() {
                for (last, end) in allowed.iter().enumerate().skip(first) {
                    let earned = u128::from(end - start) * u128::from(burst) / u128::from(period_micros);
                    prop_assert!((last - first + 1) as u128 <= u128::from(burst) + earned);
                }
            }
        }

        #[test]
        fn a_caller_that_waits_is_allowed(burst in 1_u32..20, period_micros in 1_u64..5_000_000, calls in 1_u32..60) {
            let (clock, limits) = limits();
            let limit = Limit::smooth(burst, Duration::from_micros(period_micros));
            for _ in 0..calls {
                let verdict = limits.take_now("a", 1, limit);
                clock.advance(verdict.retry_after);
                prop_assert!(verdict.allowed);
            }
        }
    }
}
