//! Whether the store answers. However many probes come, the store is asked at most once a second.

use skep_application::{
    kernel::{Clock, StoreError},
    operations::StoreHealth,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The time for which an answer of the store is valid.
const VALID_FOR: Duration = Duration::from_secs(1);

/// The monotonic time of an answer of the store, and why the store cannot be used, if that is so.
type Answer = (Duration, Option<String>);

/// The last answer of the store, if it was asked.
#[derive(Default)]
pub(crate) struct Readiness(Arc<Mutex<Option<Answer>>>);

impl Readiness {
    /// Checks whether the store answers. If its last answer is less than a second old, the store is not asked again. A
    /// caller that comes while the store is being asked waits for the same answer. If a caller leaves before the
    /// answer, the next one gets it.
    ///
    /// # Errors
    /// The reason why the store cannot be used.
    pub(crate) async fn check(&self, store: Arc<dyn StoreHealth>, clock: Arc<dyn Clock>) -> Result<(), String> {
        let last = Arc::clone(&self.0).lock_owned().await;
        if let Some((asked, answer)) = &*last
            && clock.monotonic().saturating_sub(*asked) < VALID_FOR
        {
            return answer.clone().map_or(Ok(()), Err);
        }
        // In a separate task, because probes give up after a second, and a store may need longer to answer.
        let asked = tokio::spawn(ask(last, store, clock));
        asked.await.unwrap_or_else(|error| Err(format!("the check of the store ended early: {error}")))
    }
}

async fn ask(
    mut last: OwnedMutexGuard<Option<Answer>>,
    store: Arc<dyn StoreHealth>,
    clock: Arc<dyn Clock>,
) -> Result<(), String> {
    let answer = store.check().await.map_err(|error| with_cause(&error));
    // The time of the answer, not of the question, so that a slow store gets a pause too.
    *last = Some((clock.monotonic(), answer.clone().err()));
    answer
}

fn with_cause(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use skep_application::{
        operations::{Defect, StoreUse},
        testing::FixedClock,
    };
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use tokio::sync::Notify;

    #[derive(Default)]
    struct Store {
        asked: AtomicU32,
        is_away: AtomicBool,
        /// Whether it waits for `speak` before it answers.
        is_silent: AtomicBool,
        speak: Notify,
    }

    #[async_trait]
    impl StoreHealth for Store {
        async fn check(&self) -> Result<(), StoreError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if self.is_silent.load(Ordering::SeqCst) {
                self.speak.notified().await;
            }
            let is_away = self.is_away.load(Ordering::SeqCst);
            if is_away { Err(StoreError::Unavailable("connection refused".into())) } else { Ok(()) }
        }

        async fn inspect(&self, _: StoreUse) -> Result<Vec<Defect>, StoreError> {
            unreachable!("readiness does not ask for defects")
        }
    }

    fn set_up() -> (Arc<Store>, Arc<FixedClock>, Readiness) {
        (Arc::default(), Arc::default(), Readiness::default())
    }

    #[tokio::test]
    async fn the_store_is_asked_once_a_second() {
        let (store, clock, readiness) = set_up();
        for _ in 0..3 {
            readiness.check(store.clone(), clock.clone()).await.unwrap();
        }
        store.is_away.store(true, Ordering::SeqCst);
        clock.advance(VALID_FOR - Duration::from_micros(1));
        readiness.check(store.clone(), clock.clone()).await.unwrap();
        assert_eq!(store.asked.load(Ordering::SeqCst), 1);
        clock.advance(Duration::from_micros(1));
        for _ in 0..3 {
            let cause = readiness.check(store.clone(), clock.clone()).await.unwrap_err();
            assert_eq!(cause, "the store is unavailable: connection refused");
        }
        assert_eq!(store.asked.load(Ordering::SeqCst), 2);
        store.is_away.store(false, Ordering::SeqCst);
        clock.advance(VALID_FOR);
        readiness.check(store.clone(), clock.clone()).await.unwrap();
    }

    #[tokio::test]
    async fn probes_at_the_same_time_get_the_same_answer() {
        let (store, clock, readiness) = set_up();
        let check = || readiness.check(store.clone(), clock.clone());
        let (a, b, c) = tokio::join!(check(), check(), check());
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        assert_eq!(store.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn the_answer_to_a_probe_that_left_is_for_the_next_probe() {
        let (store, clock, readiness) = set_up();
        store.is_silent.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            let mut check = std::pin::pin!(readiness.check(store.clone(), clock.clone()));
            tokio::select! {
                biased;
                _ = &mut check => panic!("a silent store has answered"),
                () = wait_until(|| store.asked.load(Ordering::SeqCst) > 0) => {}
            }
        }
        store.is_away.store(true, Ordering::SeqCst);
        store.speak.notify_one();
        readiness.check(store.clone(), clock.clone()).await.unwrap_err();
        assert_eq!(store.asked.load(Ordering::SeqCst), 1);
    }

    async fn wait_until(is_so: impl Fn() -> bool) {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    }
}
