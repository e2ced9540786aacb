//! A clock that a test moves.

use skep_application::kernel::Clock;
use skep_domain::shared::Timestamp;
use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

/// Stands still unless it is moved.
pub(crate) struct ManualClock {
    wall_millis: AtomicI64,
    monotonic_micros: AtomicU64,
}

impl ManualClock {
    pub(crate) fn at(wall_millis: i64) -> Self {
        Self { wall_millis: AtomicI64::new(wall_millis), monotonic_micros: AtomicU64::new(0) }
    }

    pub(crate) fn set_wall(&self, millis: i64) {
        self.wall_millis.store(millis, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.monotonic_micros.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_millis.load(Ordering::SeqCst)).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.monotonic_micros.load(Ordering::SeqCst))
    }
}
