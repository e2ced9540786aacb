//! A clock that a test moves, and ids that count.

use crate::kernel::{Clock, IdGenerator, Random, Runtime, Sleeper};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// A clock that starts at 2026-01-01T00:00:00Z and moves only when a test calls its methods.
#[derive(Debug)]
pub struct FixedClock(Mutex<(Timestamp, Duration)>);

impl Default for FixedClock {
    fn default() -> Self {
        let start = Timestamp::from_millis(1_767_225_600_000).expect("2026 is supported");
        Self(Mutex::new((start, Duration::ZERO)))
    }
}

impl FixedClock {
    /// Moves the wall clock and the monotonic clock forward by `duration`.
    pub fn advance(&self, duration: Duration) {
        let mut times = self.0.lock().expect("no holder panics");
        times.0 = times.0.plus_millis(i64::try_from(duration.as_millis()).expect("tests wait for days at most"));
        times.1 += duration;
    }

    /// Sets the wall clock. The monotonic clock stays as it is.
    pub fn jump_to(&self, now: Timestamp) {
        self.0.lock().expect("no holder panics").0 = now;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0.lock().expect("no holder panics").0
    }
    fn monotonic(&self) -> Duration {
        self.0.lock().expect("no holder panics").1
    }
}

/// Generates the ids 1, 2, 3 and so on.
#[derive(Debug, Default)]
pub struct SeqIds(AtomicU64);

impl SeqIds {
    /// The `n`th id; the first one is 1.
    #[must_use]
    pub fn nth(n: u64) -> Uuid {
        Uuid::from_u128(u128::from(n))
    }
}

impl IdGenerator for SeqIds {
    fn next(&self) -> Uuid {
        Self::nth(self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

/// Returns these bits each time.
#[derive(Debug, Default)]
pub struct FixedRandom(pub u64);

impl Random for FixedRandom {
    fn bits(&self) -> u64 {
        self.0
    }
    fn secret(&self) -> [u8; 32] {
        [7; 32]
    }
}

/// Moves the clock forward and does not wait.
#[derive(Debug)]
pub struct SkippingSleeper(pub Arc<FixedClock>);

#[async_trait]
impl Sleeper for SkippingSleeper {
    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

/// A runtime of these four doubles, and its clock.
#[must_use]
pub fn fixed_runtime() -> (Runtime, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::default());
    let runtime = Runtime {
        clock: clock.clone(),
        ids: Arc::new(SeqIds::default()),
        random: Arc::new(FixedRandom::default()),
        sleeper: Arc::new(SkippingSleeper(clock.clone())),
    };
    (runtime, clock)
}
