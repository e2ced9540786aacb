//! Whether the store answers, asked at most once a second however often somebody wants to know.

use skep_application::{kernel::Clock, operations::StoreHealth};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long an answer of the store stands.
const STANDS: Duration = Duration::from_secs(1);

/// The last answer of the store.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<Option<(Duration, Option<String>)>>);

impl Readiness {
    /// Whether the store answers: now, or when it was last asked, if that is less than a second ago. Who comes while it
    /// is being asked waits for the same answer.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) async fn check(&self, store: &(impl StoreHealth + ?Sized), clock: &dyn Clock) -> Result<(), String> {
        let mut last = self.0.lock().await;
        if let Some((asked, answer)) = &*last
            && clock.monotonic().saturating_sub(*asked) < STANDS
        {
            return answer.clone().map_or(Ok(()), Err);
        }
        let answer = store.check().await.map_err(|error| match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        });
        // The time of the answer: a store that takes long to answer is not asked all the time.
        *last = Some((clock.monotonic(), answer.clone().err()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use skep_application::{kernel::StoreError, testing::FixedClock};
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    #[derive(Default)]
    struct Store {
        asked: AtomicU32,
        is_away: AtomicBool,
    }

    #[async_trait]
    impl StoreHealth for Store {
        async fn check(&self) -> Result<(), StoreError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let is_away = self.is_away.load(Ordering::SeqCst);
            if is_away { Err(StoreError::Unavailable("connection refused".into())) } else { Ok(()) }
        }
    }

    #[tokio::test]
    async fn the_store_is_asked_once_a_second() {
        let (store, clock, readiness) = (Store::default(), FixedClock::default(), Readiness::default());
        for _ in 0..3 {
            readiness.check(&store, &clock).await.unwrap();
        }
        store.is_away.store(true, Ordering::SeqCst);
        clock.advance(STANDS - Duration::from_micros(1));
        readiness.check(&store, &clock).await.unwrap();
        assert_eq!(store.asked.load(Ordering::SeqCst), 1);
        clock.advance(Duration::from_micros(1));
        for _ in 0..3 {
            let cause = readiness.check(&store, &clock).await.unwrap_err();
            assert_eq!(cause, "the store is unavailable: connection refused");
        }
        assert_eq!(store.asked.load(Ordering::SeqCst), 2);
        store.is_away.store(false, Ordering::SeqCst);
        clock.advance(STANDS);
        readiness.check(&store, &clock).await.unwrap();
    }

    #[tokio::test]
    async fn who_comes_at_the_same_time_gets_the_same_answer() {
        let (store, clock, readiness) = (Store::default(), FixedClock::default(), Readiness::default());
        let check = || readiness.check(&store, &clock);
        let (a, b, c) = tokio::join!(check(), check(), check());
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        assert_eq!(store.asked.load(Ordering::SeqCst), 1);
    }
}
