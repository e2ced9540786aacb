use async_trait::async_trait;
use skep_application::kernel::{Clock, Counting, Limit, RateLimits, StoreError, Tally, Verdict};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Mutex;

/// Counts calls in one map. `Counting` does the arithmetic. The adapter stores the tally of each key.
pub struct OwnLimits {
    clock: Arc<dyn Clock>,
    tallies: Mutex<HashMap<String, Tally>>,
}

impl OwnLimits {
    /// Builds a limiter that uses the time of day, so that windows begin at the same time everywhere.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tallies: Mutex::default() }
    }
}

impl OwnLimits {
    /// Replaces the tally of the key by the one that `change` computes at this time, and returns its answer.
    async fn change<T>(&self, key: &str, change: impl FnOnce(Tally, u64) -> (T, Tally)) -> T {
        let mut tallies = self.tallies.lock().await;
        let now = u64::try_from(self.clock.now().as_millis()).unwrap_or(0) * 1_000;
        tallies.retain(|_, tally| tally.until > now);
        let (answer, tally) = change(tallies.get(key).copied().unwrap_or_default(), now);
        tallies.insert(key.to_owned(), tally);
        answer
    }
}

#[async_trait]
impl RateLimits for OwnLimits {
    async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
        let counting = Counting::new(limit);
        let take = |stored, now| {
            let (allowed, tally) = counting.take(stored, now, cost);
            (counting.verdict(allowed, tally, now, cost), tally)
        };
        Ok(self.change(key, take).await)
    }

    async fn give_back(&self, key: &str, cost: u32, limit: Limit) -> Result<(), StoreError> {
        self.change(key, |stored, now| ((), Counting::new(limit).give_back(stored, now, cost))).await;
        Ok(())
    }
}
