//! Rate limits that keep working while the shared counters are unavailable.

use async_trait::async_trait;
use skep_application::kernel::{Clock, Limit, RateLimits, StoreError, Verdict};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The metric that counts calls that the shared limiter did not answer.
pub const FALLBACK_METRIC: &str = "skep_rate_limit_fallback_total";

/// The pause before the shared limiter is asked again after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// The value of `ask_again_at` while the shared limiter works.
const PRESENT: u64 = 0;

/// Asks the shared limiter, and while that fails, the limiter of this process. Each instance then allows the whole
/// limit on its own.
///
/// After a failure, one call per second asks the shared limiter again, and the other calls do not wait for it. Each
/// call that the local limiter answered is counted in [`FALLBACK_METRIC`]. Units are given back to the limiter that
/// answers at that time. If it is not the one that they were taken from, a bucket can be short of them, or a call can
/// pass in addition; no bucket gets more than its burst.
pub struct FallbackLimits {
    shared: Arc<dyn RateLimits>,
    local: Arc<dyn RateLimits>,
    clock: Arc<dyn Clock>,
    /// When to ask the shared limiter again, in microseconds of the monotonic clock, or [`PRESENT`].
    ask_again_at: AtomicU64,
}

impl FallbackLimits {
    /// Combines both limiters. The clock measures the pause.
    #[must_use]
    pub fn new(shared: Arc<dyn RateLimits>, local: Arc<dyn RateLimits>, clock: Arc<dyn Clock>) -> Self {
        Self { shared, local, clock, ask_again_at: AtomicU64::new(PRESENT) }
    }

    /// Whether this call asks the shared limiter. After a failure, one call per pause does.
    fn asks_shared(&self) -> bool {
        let at = self.ask_again_at.load(Ordering::Relaxed);
        at == PRESENT
            || (at <= micros(self.clock.monotonic())
                && self
                    .ask_again_at
                    .compare_exchange(at, self.after_pause(), Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok())
    }

    /// The answer of the shared limiter. `None` if it does not answer, or is not asked.
    async fn ask_shared<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
        if !self.asks_shared() {
            return None;
        }
        let answer = answer.await;
        match &answer {
            Ok(_) => self.shared_answered(),
            Err(error) => self.shared_failed(error),
        }
        answer.ok()
    }

    fn after_pause(&self) -> u64 {
        micros(self.clock.monotonic() + PAUSE)
    }

    fn shared_answered(&self) {
        // Usually only a read, because a write by every call would move the cache line between the cores.
        if self.ask_again_at.load(Ordering::Relaxed) != PRESENT
            && self.ask_again_at.swap(PRESENT, Ordering::Relaxed) != PRESENT
        {
            tracing::info!("the shared rate limits answer again");
        }
    }

    fn shared_failed(&self, error: &StoreError) {
        if self.ask_again_at.swap(self.after_pause(), Ordering::Relaxed) == PRESENT {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(%error, cause, "the shared rate limits are unavailable, this process counts alone");
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[async_trait]
impl RateLimits for FallbackLimits {
    async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
        if let Some(verdict) = self.ask_shared(self.shared.take(key, cost, limit)).await {
            return Ok(verdict);
        }
        metrics::counter!(FALLBACK_METRIC).increment(1);
        self.local.take(key, cost, limit).await
    }

    async fn give_back(&self, key: &str, cost: u32, limit: Limit) -> Result<(), StoreError> {
        if self.ask_shared(self.shared.give_back(key, cost, limit)).await.is_some() {
            return Ok(());
        }
        self.local.give_back(key, cost, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalLimits;
    use skep_application::testing::FixedClock;
    use std::sync::atomic::{AtomicBool, AtomicU32};

    const LIMIT: Limit = Limit::smooth(2, Duration::from_secs(3_600));

    /// A limiter that can be switched off, and that counts its calls.
    struct Switched {
        away: AtomicBool,
        asked: AtomicU32,
        limits: LocalLimits,
    }

    #[async_trait]
    impl RateLimits for Switched {
        async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
            self.ask()?;
            Ok(self.limits.take_now(key, cost, limit))
        }

        async fn give_back(&self, key: &str, cost: u32, limit: Limit) -> Result<(), StoreError> {
            self.ask()?;
            self.limits.give_back_now(key, cost, limit);
            Ok(())
        }
    }

    impl Switched {
        fn ask(&self) -> Result<(), StoreError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let away = self.away.load(Ordering::SeqCst);
            if away { Err(StoreError::Unavailable("connection refused".into())) } else { Ok(()) }
        }
    }

    fn setup() -> (Arc<FixedClock>, Arc<Switched>, FallbackLimits) {
        let clock = Arc::new(FixedClock::default());
        let shared = Arc::new(Switched {
            away: AtomicBool::new(false),
            asked: AtomicU32::new(0),
            limits: LocalLimits::new(Arc::clone(&clock) as Arc<dyn Clock>),
        });
        let local = Arc::new(LocalLimits::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let limits = FallbackLimits::new(
            Arc::clone(&shared) as Arc<dyn RateLimits>,
            local,
            Arc::clone(&clock) as Arc<dyn Clock>,
        );
        (clock, shared, limits)
    }

    #[tokio::test]
    async fn while_the_shared_limiter_is_unavailable_the_process_counts() {
        let (_, shared, limits) = setup();
        assert_eq!(limits.take("a", 1, LIMIT).await.unwrap().remaining, 1);
        shared.away.store(true, Ordering::SeqCst);
        let verdicts = [
            limits.take("a", 1, LIMIT).await.unwrap(),
            limits.take("a", 1, LIMIT).await.unwrap(),
            limits.take("a", 1, LIMIT).await.unwrap(),
        ];
        assert_eq!(verdicts.map(|verdict| verdict.allowed), [true, true, false], "the local bucket was full");
    }

    #[tokio::test]
    async fn units_are_given_back_to_the_limiter_that_answers() {
        let (_, shared, limits) = setup();
        for _ in 0..10 {
            assert!(limits.take("a", 2, LIMIT).await.unwrap().allowed);
            limits.give_back("a", 2, LIMIT).await.unwrap();
        }
        shared.away.store(true, Ordering::SeqCst);
        for _ in 0..10 {
            assert!(limits.take("a", 2, LIMIT).await.unwrap().allowed);
            limits.give_back("a", 2, LIMIT).await.unwrap();
        }
        assert_eq!(shared.asked.load(Ordering::SeqCst), 21, "after the failure it is asked no more");
    }

    #[tokio::test]
    async fn an_unavailable_limiter_is_asked_once_a_second_and_used_again_when_it_answers() {
        let (clock, shared, limits) = setup();
        shared.away.store(true, Ordering::SeqCst);
        for _ in 0..50 {
            limits.take("a", 1, LIMIT).await.unwrap();
        }
        assert_eq!(shared.asked.load(Ordering::SeqCst), 1);

        clock.advance(PAUSE);
        for _ in 0..50 {
            limits.take("a", 1, LIMIT).await.unwrap();
        }
        assert_eq!(shared.asked.load(Ordering::SeqCst), 2);

        shared.away.store(false, Ordering::SeqCst);
        assert!(!limits.take("a", 1, LIMIT).await.unwrap().allowed, "still paused, and the local limiter refuses");
        clock.advance(PAUSE);
        assert!(
            limits.take("a", 1, LIMIT).await.unwrap().allowed,
            "the shared limiter is back, and its bucket is full"
        );
        assert!(limits.take("a", 1, LIMIT).await.unwrap().allowed);
        assert!(!limits.take("a", 1, LIMIT).await.unwrap().allowed);
        assert_eq!(shared.asked.load(Ordering::SeqCst), 5);
    }

    #[tokio::test]
    async fn every_call_that_the_local_limiter_answers_is_counted() {
        let (_, shared, limits) = setup();
        let counter = Counted::default();
        let recorder = counter.clone();
        let _guard = metrics::set_default_local_recorder(&recorder);
        limits.take("a", 1, LIMIT).await.unwrap();
        assert_eq!(counter.value(), 0);
        shared.away.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            limits.take("a", 1, LIMIT).await.unwrap();
        }
        assert_eq!(counter.value(), 3);
    }

    /// Records one counter and no other metric.
    #[derive(Clone, Default)]
    struct Counted(Arc<AtomicU64>);

    impl Counted {
        fn value(&self) -> u64 {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl metrics::Recorder for Counted {
        fn describe_counter(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}
        fn describe_gauge(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}
        fn describe_histogram(&self, _: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {}
        fn register_counter(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Counter {
            assert_eq!(key.name(), FALLBACK_METRIC);
            metrics::Counter::from_arc(Arc::clone(&self.0))
        }
        fn register_gauge(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
            metrics::Gauge::noop()
        }
        fn register_histogram(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Histogram {
            metrics::Histogram::noop()
        }
    }
}
