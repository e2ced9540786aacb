use async_trait::async_trait;
use skep_application::kernel::{Clock, Gcra, Limit, RateLimits, StoreError, Verdict};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Mutex;

/// Counts calls in one map. `Gcra` does the arithmetic. The adapter stores the time at which each key is free of debt.
pub struct OwnLimits {
    clock: Arc<dyn Clock>,
    free_at: Mutex<HashMap<String, u64>>,
}

impl OwnLimits {
    /// Builds a limiter that uses the monotonic clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, free_at: Mutex::default() }
    }
}

impl OwnLimits {
    /// Replaces the debt of the key by the one that `change` computes, and returns its answer.
    async fn change<T>(&self, key: &str, change: impl FnOnce(u64) -> (T, u64)) -> T {
        let mut free_at = self.free_at.lock().await;
        let now = u64::try_from(self.clock.monotonic().as_micros()).unwrap_or(u64::MAX / 2);
        free_at.retain(|_, free_at| *free_at > now);
        let (answer, debt) = change(free_at.get(key).map_or(0, |free_at| free_at - now));
        free_at.insert(key.to_owned(), now + debt);
        answer
    }
}

#[async_trait]
impl RateLimits for OwnLimits {
    async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
        let gcra = Gcra::new(limit);
        let take = |debt| {
            let (allowed, debt) = gcra.take(debt, cost);
            (gcra.verdict(allowed, debt, cost), debt)
        };
        Ok(self.change(key, take).await)
    }

    async fn give_back(&self, key: &str, cost: u32, limit: Limit) -> Result<(), StoreError> {
        self.change(key, |debt| ((), Gcra::new(limit).give_back(debt, cost))).await;
        Ok(())
    }
}
