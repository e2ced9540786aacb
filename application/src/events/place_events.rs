//! Giving events their positions.

use super::EventsTx;
use crate::kernel::{Attempt, Begin, Round, Runtime, StoreError, SweepAll, TxMode, run};
use async_trait::async_trait;
use skep_domain::events::in_order;
use std::sync::Arc;

/// The greatest number of events that one unit of work places, not counting earlier ones of the same aggregates.
const BATCH: u32 = 500;

/// Gives committed events their positions. Any number of instances may run it: one at a time places events.
pub struct PlaceEvents {
    store: Arc<dyn Begin<dyn EventsTx>>,
    runtime: Runtime,
}

impl PlaceEvents {
    /// Places the events of this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn EventsTx>>, runtime: Runtime) -> Self {
        Self { store, runtime }
    }

    /// Places some of the events that have no position yet, and returns how many. 0 means that every event has one.
    ///
    /// An attempt that has the same result when it is done twice needs no event: after an unknown outcome, the events
    /// that the earlier attempt has placed are no longer unplaced.
    ///
    /// # Errors
    /// The store's error.
    pub async fn execute(&self) -> Result<usize, StoreError> {
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let placed = async {
                let mut position = unit.log().lock().await?.last;
                let mut next = || {
                    position = position.next();
                    position
                };
                let unplaced = in_order(unit.log().list_unplaced(BATCH).await?);
                let placed: Vec<_> = unplaced.iter().map(|event| (event.id, next())).collect();
                if !placed.is_empty() {
                    unit.log().place(&placed).await?;
                }
                Ok(placed.len())
            };
            let placed = placed.await;
            attempt.end(unit, placed).await
        })
        .await
    }
}

/// A program without workers has no relay. Its sweep places the events, so that they can be deleted some time later.
#[async_trait]
impl SweepAll for PlaceEvents {
    fn name(&self) -> &'static str {
        "events without a position"
    }

    async fn sweep_all(&self, round: &mut Round<'_>) -> Result<(), StoreError> {
        while !round.is_stopped() {
            // Not counted: the round counts what it deletes.
            if self.execute().await? < BATCH as usize {
                break;
            }
        }
        Ok(())
    }
}
