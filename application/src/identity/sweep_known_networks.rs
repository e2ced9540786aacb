//! Deletes the lists of networks of accounts that were not used for long.

use super::IdentityTx;
use crate::kernel::{Attempt, Begin, StoreError, Sweep, TxMode};
use async_trait::async_trait;
use skep_domain::{identity::KnownNetworkPolicy, shared::Timestamp};
use std::sync::Arc;

/// Deletes lists in which no network is known anymore.
pub struct SweepKnownNetworks {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    policy: KnownNetworkPolicy,
}

impl SweepKnownNetworks {
    /// Makes the sweep for the lists in `store`. The policy says how long a network is known.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, policy: KnownNetworkPolicy) -> Self {
        Self { store, policy }
    }
}

#[async_trait]
impl Sweep for SweepKnownNetworks {
    fn name(&self) -> &'static str {
        "lists of known networks"
    }

    async fn batch(&self, attempt: Attempt, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut unit = self.store.begin(TxMode::Write, &[]).await?;
        let swept = unit.known_networks().sweep(self.policy.since(now), limit).await;
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
    async fn a_list_is_deleted_when_its_latest_network_is_no_longer_known() {
        let runtime = fixed_runtime().0;
        let now = runtime.clock.now();
        let policy = KnownNetworkPolicy { age_millis: 5_000, ..KnownNetworkPolicy::default() };
        let mut unit = MockIdentityTx::default();
        let oldest = now.plus_millis(-5_000);
        unit.known_networks
            .expect_sweep()
            .withf(move |until, limit| (*until, *limit) == (oldest, 5))
            .returning(|_, _| Ok(3));
        let sweep = SweepKnownNetworks::new(Scripted::of([unit]), policy);
        let swept: Result<u64, StoreError> =
            crate::kernel::run(&runtime, None, |attempt| sweep.batch(attempt, now, 5)).await;
        assert_eq!(swept.unwrap(), 3);
    }
}
