//! Deletes sessions some time after their end.

use super::IdentityTx;
use crate::kernel::{Attempt, Begin, StoreError, Sweep, TxMode};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::sync::Arc;

/// How long a session is kept after its end, in milliseconds: 7 days.
const KEPT_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Deletes sessions that ended at least 7 days ago.
pub struct SweepSessions(Arc<dyn Begin<dyn IdentityTx>>);

impl SweepSessions {
    /// Makes the sweep for the sessions in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>) -> Self {
        Self(store)
    }
}

#[async_trait]
impl Sweep for SweepSessions {
    fn name(&self) -> &'static str {
        "sessions"
    }

    async fn batch(&self, attempt: Attempt, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut unit = self.0.begin(TxMode::Write, &[]).await?;
        let swept = unit.sessions().sweep(now.plus_millis(-KEPT_MILLIS), limit).await;
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
    async fn sessions_are_deleted_a_week_after_their_end() {
        let runtime = fixed_runtime().0;
        let now = runtime.clock.now();
        let mut unit = MockIdentityTx::default();
        let week_ago = now.plus_millis(-KEPT_MILLIS);
        unit.sessions
            .expect_sweep()
            .withf(move |until, limit| (*until, *limit) == (week_ago, 5))
            .returning(|_, _| Ok(3));
        let sweep = SweepSessions::new(Scripted::of([unit]));
        let swept: Result<u64, StoreError> =
            crate::kernel::run(&runtime, None, |attempt| sweep.batch(attempt, now, 5)).await;
        assert_eq!(swept.unwrap(), 3);
    }
}
