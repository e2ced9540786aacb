//! Ending and deleting what has expired.

use crate::kernel::{Attempt, Begin, Runtime, StoreError, Sweep, Swept, TxMode, UnitOfWork, run};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::sync::Arc;

/// The greatest number of rows per batch, so that a sweep does not block writers for long.
const BATCH: u32 = 500;

/// Deletes or ends the expired rows of all contexts.
pub struct SweepExpired {
    sweeps: Vec<Arc<dyn Sweep>>,
    runtime: Runtime,
}

impl SweepExpired {
    /// Sweeps these kinds of rows.
    #[must_use]
    pub fn new(sweeps: Vec<Arc<dyn Sweep>>, runtime: Runtime) -> Self {
        Self { sweeps, runtime }
    }

    /// Works in batches until no expired row is left, and returns the number of rows of each kind.
    ///
    /// # Errors
    /// The first error of the store. The other kinds are still swept, and what was done stays done.
    pub async fn execute(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let mut failed = Ok(());
        for sweep in &self.sweeps {
            failed = failed.and(self.sweep(&**sweep, &mut swept).await);
        }
        failed.map(|()| swept)
    }

    async fn sweep(&self, sweep: &dyn Sweep, swept: &mut Swept) -> Result<(), StoreError> {
        let now = self.runtime.clock.now();
        loop {
            let rows = run(&self.runtime, None, |attempt| sweep.batch(attempt, now, BATCH)).await?;
            swept.add(sweep.name(), rows);
            if rows < u64::from(BATCH) {
                return Ok(());
            }
        }
    }
}

/// Deletes idempotency keys after their 24 hours.
pub struct SweepIdempotencyKeys(Arc<dyn Begin<dyn UnitOfWork>>);

impl SweepIdempotencyKeys {
    /// Deletes from this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn UnitOfWork>>) -> Self {
        Self(store)
    }
}

#[async_trait]
impl Sweep for SweepIdempotencyKeys {
    fn name(&self) -> &'static str {
        "idempotency keys"
    }

    async fn batch(&self, attempt: Attempt, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut unit = self.0.begin(TxMode::Write, &[]).await?;
        let swept = unit.idempotency().sweep(now, limit).await;
        attempt.end(unit, swept).await
    }
}

#[cfg(test)]
mod tests;
