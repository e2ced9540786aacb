//! Forgetting what has expired.

use super::OperationsTx;
use crate::kernel::{Begin, Runtime, StoreError, TxMode, end, run};
use std::sync::Arc;

/// Rows per unit of work, so that no sweep holds writers up.
const BATCH: u32 = 500;

/// Forgets idempotency keys whose 24 h are over.
pub struct SweepExpired {
    store: Arc<dyn Begin<dyn OperationsTx>>,
    runtime: Runtime,
}

impl SweepExpired {
    /// Sweeps this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn OperationsTx>>, runtime: Runtime) -> Self {
        Self { store, runtime }
    }

    /// Sweeps until nothing expired is left; answers how many keys were forgotten.
    ///
    /// # Errors
    /// The store's.
    pub async fn execute(&self) -> Result<u64, StoreError> {
        let now = self.runtime.clock.now();
        let mut swept = 0;
        loop {
            let batch: u64 = run(&self.runtime, None, |_| async {
                let mut tx = self.store.begin(TxMode::Write, &[]).await?;
                let result = tx.idempotency().sweep(now, BATCH).await;
                end(tx, result).await
            })
            .await?;
            swept += batch;
            if batch < u64::from(BATCH) {
                return Ok(swept);
            }
        }
    }
}

#[cfg(test)]
mod tests;
