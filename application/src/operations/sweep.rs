//! Ending and deleting what has expired.

use crate::kernel::{Attempt, Begin, Round, Runtime, StoreError, Sweep, SweepAll, Swept, TxMode, UnitOfWork};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::sync::Arc;

/// The greatest number of rows per batch, so that a sweep does not block writers for long.
const BATCH: u32 = 500;

/// Deletes or ends the expired rows of all contexts.
pub struct SweepExpired {
    sweeps: Vec<Arc<dyn SweepAll>>,
    runtime: Runtime,
}

/// Not all that has expired was ended or deleted.
#[derive(Debug, thiserror::Error)]
#[error("could not end all that has expired")]
pub struct UnfinishedSweep {
    /// The rows that were ended or deleted.
    pub swept: Swept,
    /// The first error.
    pub source: StoreError,
}

impl SweepExpired {
    /// Sweeps these kinds of rows.
    #[must_use]
    pub fn new(sweeps: Vec<Arc<dyn SweepAll>>, runtime: Runtime) -> Self {
        Self { sweeps, runtime }
    }

    /// Works in batches until no expired row is left, and returns the number of rows of each kind.
    ///
    /// # Errors
    /// The first error of the store. The other kinds are still swept, and what was done stays done.
    pub async fn execute(&self) -> Result<Swept, UnfinishedSweep> {
        self.execute_until(&|| false).await
    }

    /// Works as [`SweepExpired::execute`] does, but begins no further batch or row once `stopped` returns true. That is
    /// no error.
    ///
    /// # Errors
    /// Those of [`SweepExpired::execute`].
    pub async fn execute_until(&self, stopped: &(dyn Fn() -> bool + Send + Sync)) -> Result<Swept, UnfinishedSweep> {
        let mut swept = Swept::default();
        let mut failed = Ok(());
        for sweep in &self.sweeps {
            let mut round = Round::new(&self.runtime, BATCH, stopped);
            failed = failed.and(sweep.sweep_all(&mut round).await);
            swept.add(sweep.name(), round.swept);
        }
        match failed {
            Ok(()) => Ok(swept),
            Err(source) => Err(UnfinishedSweep { swept, source }),
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
