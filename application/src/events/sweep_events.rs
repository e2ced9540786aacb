//! Deletes events some time after they occurred.

use super::{EventsTx, SUBSCRIPTIONS_MAX};
use crate::kernel::{Attempt, Begin, StoreError, Sweep, TxMode};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::{sync::Arc, time::Duration};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPolicy {
    /// How long an event is kept after it occurred, at least some minutes: a command whose commit had an unknown outcome
    /// looks for its event. `None` keeps all events. What subscriptions have received, and finished replays, are then
    /// kept for the longest lag.
    pub lifetime: Option<Duration>,
    /// How long an event is kept that a subscription has not passed yet, if that is longer. A subscription that is
    /// further behind is broken off.
    pub longest_lag: Duration,
}

impl Default for EventPolicy {
    /// 7 days, and 30 days for events that a subscription needs.
    fn default() -> Self {
        Self { lifetime: Some(DAY * 7), longest_lag: DAY * 30 }
    }
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    now.plus_millis(-i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// Deletes the events that are older than the policy says, if every subscription has passed them, the replays that were
/// finished as long ago, and what subscriptions have received a day earlier.
pub struct SweepEvents {
    store: Arc<dyn Begin<dyn EventsTx>>,
    policy: EventPolicy,
}

impl SweepEvents {
    /// Deletes from this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn EventsTx>>, policy: EventPolicy) -> Self {
        Self { store, policy }
    }

    async fn work(&self, unit: &mut dyn EventsTx, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let swept = match self.policy.lifetime {
            Some(lifetime) => self.sweep_log(unit, lifetime, now, limit).await?,
            None => 0,
        };
        let kept = self.policy.lifetime.unwrap_or(self.policy.longest_lag);
        // Longer than events: an event that is delivered again is recognized.
        let received = unit.deliveries().sweep_received(before(now, kept.saturating_add(DAY)), limit).await?;
        let finished = unit.deliveries().sweep_finished(before(now, kept), limit).await?;
        // Another batch follows while any of them has more.
        Ok(swept.max(received).max(finished))
    }

    async fn sweep_log(
        &self,
        unit: &mut dyn EventsTx,
        lifetime: Duration,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        // The lock keeps replays from being started meanwhile.
        let mut passed = unit.log().lock().await?.last;
        let lost = unit.log().last_before(before(now, self.policy.longest_lag.max(lifetime))).await?;
        for mut subscription in unit.deliveries().list_behind(passed, SUBSCRIPTIONS_MAX).await? {
            if subscription.is_at_end() {
                // It needs only the events that it holds back, and those are kept.
                continue;
            }
            // A replay may begin with the first event that is kept.
            let is_young = subscription.created_at > before(now, self.policy.longest_lag);
            if subscription.position < lost && !(subscription.replay.is_some() && is_young) {
                subscription.break_off(now);
                unit.deliveries().save(&subscription).await?;
            } else {
                passed = passed.min(subscription.position);
            }
        }
        unit.log().sweep(before(now, lifetime), passed, limit).await
    }
}

#[async_trait]
impl Sweep for SweepEvents {
    fn name(&self) -> &'static str {
        "events"
    }

    async fn batch(&self, attempt: Attempt, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut unit = self.store.begin(TxMode::Write, &[]).await?;
        let swept = self.work(&mut *unit, now, limit).await;
        attempt.end(unit, swept).await
    }
}
