//! Forgetting what has expired.

use super::OperationsTx;
use crate::kernel::{Begin, Runtime, StoreError, TxMode, run};
use skep_domain::shared::Timestamp;
use std::sync::Arc;

/// Rows of a kind per unit of work, so that no sweep holds writers up.
const BATCH: u32 = 500;
/// How long a session is kept after its end: a week, in milliseconds.
const KEPT_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Forgets idempotency keys whose 24 h are over, and sessions that ended a week ago.
pub struct SweepExpired {
    store: Arc<dyn Begin<dyn OperationsTx>>,
    runtime: Runtime,
}

/// How many rows of each kind were forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// The idempotency keys.
    pub idempotency_keys: u64,
    /// The sessions.
    pub sessions: u64,
}

impl SweepExpired {
    /// Sweeps this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn OperationsTx>>, runtime: Runtime) -> Self {
        Self { store, runtime }
    }

    /// Sweeps, batch by batch, until nothing expired is left; answers how much was forgotten.
    ///
    /// # Errors
    /// The store's.
    pub async fn execute(&self) -> Result<Swept, StoreError> {
        let now = self.runtime.clock.now();
        let mut swept = Swept::default();
        loop {
            let batch: Swept = run(&self.runtime, None, |attempt| async move {
                let mut tx = self.store.begin(TxMode::Write, &[]).await?;
                let result = sweep(&mut *tx, now).await;
                attempt.end(tx, result).await
            })
            .await?;
            swept.idempotency_keys += batch.idempotency_keys;
            swept.sessions += batch.sessions;
            if batch.idempotency_keys.max(batch.sessions) < u64::from(BATCH) {
                return Ok(swept);
            }
        }
    }
}

async fn sweep(tx: &mut dyn OperationsTx, now: Timestamp) -> Result<Swept, StoreError> {
    Ok(Swept {
        idempotency_keys: tx.idempotency().sweep(now, BATCH).await?,
        sessions: tx.sessions().sweep(now.plus_millis(-KEPT_MILLIS), BATCH).await?,
    })
}

#[cfg(test)]
mod tests;
