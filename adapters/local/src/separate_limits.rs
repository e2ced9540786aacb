//! Rate limits inside the process whose keys do not all share one memory.

use crate::LocalLimits;
use async_trait::async_trait;
use skep_application::kernel::{Clock, Limit, RateLimits, StoreError, Verdict};
use std::sync::Arc;

/// Counts the keys that start with a given text apart from the others, in the memory of this process.
///
/// Each group has its own [`LocalLimits`]. So many keys of one group never remove a counter of the other group.
pub struct SeparateLimits {
    start: &'static str,
    of_start: LocalLimits,
    others: LocalLimits,
}

impl SeparateLimits {
    /// Empty counters on this clock. The keys that start with `start` are a group of their own.
    #[must_use]
    pub fn new(start: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self { start, of_start: LocalLimits::new(clock.clone()), others: LocalLimits::new(clock) }
    }

    fn of(&self, key: &str) -> &LocalLimits {
        if key.starts_with(self.start) { &self.of_start } else { &self.others }
    }
}

#[async_trait]
impl RateLimits for SeparateLimits {
    async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
        Ok(self.of(key).take_now(key, cost, limit))
    }

    async fn give_back(&self, key: &str, cost: u32, limit: Limit) -> Result<(), StoreError> {
        self.of(key).give_back_now(key, cost, limit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_application::testing::FixedClock;
    use std::time::Duration;

    #[tokio::test]
    async fn many_keys_of_one_group_do_not_remove_a_counter_of_the_other() {
        let clock: Arc<dyn Clock> = Arc::<FixedClock>::default();
        let limits = SeparateLimits {
            start: "operation:",
            of_start: LocalLimits::with_max_keys(clock.clone(), 1_024),
            others: LocalLimits::with_max_keys(clock, 1_024),
        };
        let guesses = Limit::smooth(1, Duration::from_secs(60));
        assert!(limits.take("guess", 1, guesses).await.unwrap().allowed);
        let a_day = Limit::smooth(9, Duration::from_secs(86_400));
        // Each of these stays in use for longer than the guess.
        for key in 0..5_000 {
            assert!(limits.take(&format!("operation:{key}"), 9, a_day).await.unwrap().allowed);
        }
        assert!(!limits.take("guess", 1, guesses).await.unwrap().allowed);
        limits.give_back("guess", 1, guesses).await.unwrap();
        assert!(limits.take("guess", 1, guesses).await.unwrap().allowed);
        assert!(!limits.take("operation:4999", 1, a_day).await.unwrap().allowed);
        limits.give_back("operation:4999", 1, a_day).await.unwrap();
        assert!(limits.take("operation:4999", 1, a_day).await.unwrap().allowed);
    }
}
