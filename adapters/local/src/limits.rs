//! Rate limits inside the process.

use async_trait::async_trait;
use skep_application::kernel::{Clock, Gcra, Limit, RateLimits, StoreError, Verdict};
use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The number of maps that keys are spread over. Each has its own lock.
const SHARDS: usize = 64;
/// The number of keys up to which a shard is not swept.
const FEW: usize = 64;
/// The most keys in memory: about 30 MB.
const MAX_KEYS: usize = 1 << 18;
/// While a shard is used, it is swept at least once in this time, in microseconds.
const SWEEP_EVERY: u64 = 60_000_000;

/// Counts in the memory of this process, by the monotonic clock.
///
/// Keys whose bucket is full again are removed. If more than 262,144 keys are still in use, the less used half of a
/// shard is removed, too. So an attacker that makes up keys cannot exhaust the memory, and busy keys are removed last.
pub struct LocalLimits {
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
    max_keys_per_shard: usize,
}

#[derive(Default)]
struct Shard {
    /// When the bucket of each key is full again, in microseconds of the monotonic clock.
    full_at: HashMap<Box<str>, u64>,
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
        Self {
            clock,
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            max_keys_per_shard: (max_keys / SHARDS).max(2),
        }
    }

    /// Takes `cost` units from the bucket of `key`, without waiting.
    pub fn take_now(&self, key: &str, cost: u32, limit: Limit) -> Verdict {
        let gcra = Gcra::new(limit);
        let mut shard = self.shard(key);
        let now = self.now();
        let known = shard.full_at.get_mut(key);
        let (allowed, debt) = gcra.take(known.as_ref().map_or(0, |full_at| full_at.saturating_sub(now)), cost);
        match known {
            Some(full_at) => *full_at = now + debt,
            None if debt > 0 => shard.insert(key, now, debt, self.max_keys_per_shard),
            None => {}
        }
        gcra.verdict(allowed, debt, cost)
    }

    /// Gives units back to the bucket of `key`, without waiting.
    pub fn give_back_now(&self, key: &str, cost: u32, limit: Limit) {
        let mut shard = self.shard(key);
        let now = self.now();
        // The bucket of an unknown key is full.
        if let Some(full_at) = shard.full_at.get_mut(key) {
            *full_at = now + Gcra::new(limit).give_back(full_at.saturating_sub(now), cost);
        }
    }

    /// The time in microseconds. It is read under the lock of a shard, so that it does not go back between two calls
    /// for one key.
    fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_micros()).unwrap_or(u64::MAX / 2)
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash choose a shard")]
    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[self.hasher.hash_one(key) as usize % SHARDS];
        // A panic never leaves a shard half changed.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().full_at.len()).sum()
    }
}

impl Shard {
    fn insert(&mut self, key: &str, now: u64, debt: u64, max: usize) {
        let len = self.full_at.len();
        let many = len >= self.sweep_at_len.max(FEW) || len >= max;
        if many || now.saturating_sub(self.swept_at) >= SWEEP_EVERY {
            self.sweep(now, max);
        }
        self.full_at.insert(key.into(), now + debt);
    }

    /// Removes keys. The next sweep starts at twice the remaining keys, so the cost per key does not grow with their
    /// number.
    fn sweep(&mut self, now: u64, max: usize) {
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() >= max {
            let mut times: Vec<u64> = self.full_at.values().copied().collect();
            let middle = times.len() / 2;
            let (_, &mut median, _) = times.select_nth_unstable(middle);
            // Of the keys with the same time, any may be removed.
            let mut surplus = middle + 1;
            self.full_at.retain(|_, full_at| {
                let forget = surplus > 0 && *full_at <= median;
                surplus -= usize::from(forget);
                !forget
            });
        }
        self.full_at.shrink_to(2 * self.full_at.len());
        self.sweep_at_len = (2 * self.full_at.len()).min(max);
        self.swept_at = now;
    }
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
    use skep_application::testing::FixedClock;
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn limits() -> (Arc<FixedClock>, LocalLimits) {
        let clock = Arc::new(FixedClock::default());
        (Arc::clone(&clock), LocalLimits::new(clock))
    }

    #[test]
    fn exactly_the_burst_is_allowed_then_one_every_interval() {
        let (clock, limits) = limits();
        let limit = Limit { burst: 5, period: Duration::from_secs(10) };
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
        let one = Limit { burst: 1, period: HOUR };
        assert!(limits.take_now("login:a", 1, one).allowed);
        assert!(!limits.take_now("login:a", 1, one).allowed);
        assert!(limits.take_now("login:b", 1, one).allowed);
        assert_eq!(limits.take_now("general:a", 1, Limit { burst: 9, period: HOUR }).remaining, 8);
    }

    #[test]
    fn a_lower_limit_applies_at_once_and_recovers_at_its_own_rate() {
        let (clock, limits) = limits();
        for _ in 0..100 {
            limits.take_now("a", 1, Limit { burst: 100, period: HOUR });
        }
        let lower = Limit { burst: 2, period: Duration::from_secs(2) };
        assert!(!limits.take_now("a", 1, lower).allowed);
        clock.advance(Duration::from_secs(1));
        assert!(limits.take_now("a", 1, lower).allowed);
    }

    #[test]
    fn keys_with_a_full_bucket_are_removed() {
        let (clock, limits) = limits();
        let limit = Limit { burst: 1, period: Duration::from_secs(1) };
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
        let login = Limit { burst: 10, period: HOUR };
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
        assert!(!limits.take_now("a", 1, Limit { burst: 0, period: HOUR }).allowed);
        assert_eq!(limits.len(), 0);
    }

    #[test]
    fn units_that_are_given_back_can_be_taken_again_and_store_no_key() {
        let (_, limits) = limits();
        let limit = Limit { burst: 5, period: HOUR };
        assert!(limits.take_now("a", 4, limit).allowed);
        assert!(!limits.take_now("a", 2, limit).allowed);
        limits.give_back_now("a", 3, limit);
        assert_eq!(limits.take_now("a", 4, limit).remaining, 0);
        limits.give_back_now("a", 9, limit);
        assert_eq!(limits.take_now("a", 5, limit).remaining, 0, "the burst is back, and no more");
        limits.give_back_now("unknown", 9, limit);
        assert_eq!(limits.len(), 1);
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
                    limits.take("a", 1, Limit { burst: 32, period: HOUR }).await.unwrap().allowed
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
            let limit = Limit { burst, period: Duration::from_micros(period_micros) };
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
            let limit = Limit { burst, period: Duration::from_micros(period_micros) };
            for _ in 0..calls {
                let verdict = limits.take_now("a", 1, limit);
                clock.advance(verdict.retry_after);
                prop_assert!(verdict.allowed);
            }
        }
    }
}
