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

#[async_trait]
impl RateLimits for OwnLimits {
    async fn take(&self, key: &str, limit: Limit) -> Result<Verdict, StoreError> {
        let (gcra, mut free_at) = (Gcra::new(limit), self.free_at.lock().await);
        let now = u64::try_from(self.clock.monotonic().as_micros()).unwrap_or(u64::MAX / 2);
        free_at.retain(|_, free_at| *free_at > now);
        let (allowed, debt) = gcra.take(free_at.get(key).map_or(0, |free_at| free_at - now));
        free_at.insert(key.to_owned(), now + debt);
        Ok(gcra.verdict(allowed, debt))
    }
}
