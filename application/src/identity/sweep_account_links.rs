//! Deletes links that are no longer valid.

use super::IdentityTx;
use crate::kernel::{Attempt, Begin, StoreError, Sweep, TxMode};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::sync::Arc;

/// Deletes links that have expired.
pub struct SweepAccountLinks(Arc<dyn Begin<dyn IdentityTx>>);

impl SweepAccountLinks {
    /// Makes the sweep for the links in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>) -> Self {
        Self(store)
    }
}

#[async_trait]
impl Sweep for SweepAccountLinks {
    fn name(&self) -> &'static str {
        "account links"
    }

    async fn batch(&self, attempt: Attempt, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut unit = self.0.begin(TxMode::Write, &[]).await?;
        let swept = unit.account_links().sweep(now, limit).await;
        attempt.end(unit, swept).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::MockIdentityTx,
        testing::{Scripted, fixed_runtime},
    };

    #[tokio::test]
    async fn a_link_is_deleted_when_it_has_expired() {
        let runtime = fixed_runtime().0;
        let now = runtime.clock.now();
        let mut unit = MockIdentityTx::default();
        unit.account_links
            .expect_sweep()
            .withf(move |until, limit| (*until, *limit) == (now, 5))
            .returning(|_, _| Ok(3));
        let sweep = SweepAccountLinks::new(Scripted::of([unit]));
        let swept: Result<u64, StoreError> =
            crate::kernel::run(&runtime, None, |attempt| sweep.batch(attempt, now, 5)).await;
        assert_eq!(swept.unwrap(), 3);
    }
}
