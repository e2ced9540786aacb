//! Deletes events some time after they occurred.

use crate::kernel::{Attempt, Begin, StoreError, Sweep, TxMode, UnitOfWork};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::{sync::Arc, time::Duration};

/// How long the outbox keeps events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPolicy {
    /// How long an event is kept after it occurred, at least some minutes: a command whose commit had an unknown outcome
    /// looks for its event. `None` keeps all events.
    pub lifetime: Option<Duration>,
}

impl Default for EventPolicy {
    /// 7 days.
    fn default() -> Self {
        Self { lifetime: Some(Duration::from_secs(7 * 24 * 60 * 60)) }
    }
}

impl EventPolicy {
    /// The time of the latest event that is no longer kept.
    fn until(self, now: Timestamp) -> Option<Timestamp> {
        let millis = |lifetime: Duration| i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        self.lifetime.map(|lifetime| now.plus_millis(-millis(lifetime)))
    }
}

/// Deletes the events that are older than the policy says, whether anything has read them or not.
pub struct SweepEvents {
    store: Arc<dyn Begin<dyn UnitOfWork>>,
    policy: EventPolicy,
}

impl SweepEvents {
    /// Deletes from this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn UnitOfWork>>, policy: EventPolicy) -> Self {
        Self { store, policy }
    }
}

#[async_trait]
impl Sweep for SweepEvents {
    fn name(&self) -> &'static str {
        "events"
    }

    async fn batch(&self, attempt: Attempt, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let Some(until) = self.policy.until(now) else { return Ok(0) };
        let mut unit = self.store.begin(TxMode::Write, &[]).await?;
        let swept = unit.outbox().sweep(until, limit).await;
        attempt.end(unit, swept).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::{Runtime, run},
        testing::*,
    };

    async fn sweep(runtime: &Runtime, sweep: SweepEvents) -> u64 {
        let now = runtime.clock.now();
        let swept: Result<u64, StoreError> = run(runtime, None, |attempt| sweep.batch(attempt, now, 5)).await;
        swept.unwrap()
    }

    #[tokio::test]
    async fn an_event_is_deleted_when_its_lifetime_is_over() {
        let (runtime, noted) = (fixed_runtime().0, Seen::default());
        let oldest = runtime.clock.now().plus_millis(-5_000);
        let mut unit = MockBareUnit::noting(&noted);
        unit.outbox.expect_sweep().withf(move |until, limit| (*until, *limit) == (oldest, 5)).returning(|_, _| Ok(3));
        let policy = EventPolicy { lifetime: Some(Duration::from_secs(5)) };
        assert_eq!(sweep(&runtime, SweepEvents::new(Scripted::of([unit]), policy)).await, 3);
        assert_eq!(noted.endings(), [Ending::Committed]);
    }

    #[tokio::test]
    async fn without_a_lifetime_no_unit_is_opened() {
        let keep_all = EventPolicy { lifetime: None };
        assert_eq!(sweep(&fixed_runtime().0, SweepEvents::new(Scripted::untouched(), keep_all)).await, 0);
    }

    #[test]
    fn a_lifetime_of_any_length_has_a_time() {
        let longest = EventPolicy { lifetime: Some(Duration::MAX) };
        assert_eq!(longest.until(Timestamp::MAX), Some(Timestamp::MIN));
    }
}
