//! Deletes jobs some time after they ended.

use super::JobsTx;
use crate::kernel::{Attempt, Begin, StoreError, Sweep, TxMode};
use async_trait::async_trait;
use skep_domain::{jobs::JobState, shared::Timestamp};
use std::{sync::Arc, time::Duration};

/// How long jobs are kept after they ended, and how many may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobPolicy {
    /// Jobs that were completed or cancelled.
    pub ended: Duration,
    /// Jobs that were discarded, so that an operator can run them again.
    pub discarded: Duration,
    /// The greatest number of jobs of one kind that wait for one user (J11).
    pub waiting_per_user: u32,
}

impl Default for JobPolicy {
    /// 24 hours, and 30 days for discarded jobs. 1,000 jobs may wait for a user.
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self { ended: DAY, discarded: DAY * 30, waiting_per_user: 1_000 }
    }
}

/// Deletes ended jobs.
pub struct SweepJobs {
    store: Arc<dyn Begin<dyn JobsTx>>,
    policy: JobPolicy,
}

impl SweepJobs {
    /// Deletes from this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn JobsTx>>, policy: JobPolicy) -> Self {
        Self { store, policy }
    }
}

#[async_trait]
impl Sweep for SweepJobs {
    fn name(&self) -> &'static str {
        "jobs"
    }

    async fn batch(&self, attempt: Attempt, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let before = |kept: Duration| now.plus_millis(-i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
        let JobPolicy { ended, discarded, .. } = self.policy;
        let mut unit = self.store.begin(TxMode::Write, &[]).await?;
        let swept = async {
            let mut swept = 0;
            for (state, kept) in
                [(JobState::Completed, ended), (JobState::Cancelled, ended), (JobState::Discarded, discarded)]
            {
                let left = u64::from(limit) - swept;
                if left > 0 {
                    let left = u32::try_from(left).unwrap_or(limit);
                    swept += unit.jobs().sweep(state, before(kept), left).await?;
                }
            }
            Ok(swept)
        };
        let swept = swept.await;
        attempt.end(unit, swept).await
    }
}
