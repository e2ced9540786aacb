//! Time, identifiers and randomness for the use cases that the suite runs.

use async_trait::async_trait;
use skep_application::kernel::{Clock, Fingerprints, IdGenerator, Random, Runtime, Sleeper};
use skep_domain::shared::Timestamp;
use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, LazyLock, atomic::AtomicU64, atomic::Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use uuid::Uuid;

/// The current time, truncated to milliseconds.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    i64::try_from(since).ok().and_then(|millis| Timestamp::from_millis(millis).ok()).unwrap_or(Timestamp::MAX)
}

/// A pseudorandom number, from a seed that differs in each process.
pub(crate) fn random() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    SEED.hash_one(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A new UUID of version 7. The UUIDs of one process ascend.
pub(crate) fn uuid() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static START: LazyLock<u64> = LazyLock::new(|| u64::try_from(now().as_millis()).unwrap_or_default() << 12);
    // The start time plus a counter, so that ids ascend however many are made in a millisecond.
    let tick = START.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    let mut bytes = [0; 10];
    bytes[..2].copy_from_slice(&(tick & 0xfff).to_be_bytes()[6..]);
    bytes[2..].copy_from_slice(&random().to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(tick >> 12, &bytes).into_uuid()
}

struct World {
    start: Instant,
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

impl IdGenerator for World {
    fn next(&self) -> Uuid {
        uuid()
    }
}

impl Random for World {
    fn bits(&self) -> u64 {
        random()
    }

    fn secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        secret.chunks_exact_mut(8).for_each(|chunk| chunk.copy_from_slice(&random().to_be_bytes()));
        secret
    }
}

#[async_trait]
impl Sleeper for World {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Tells commands apart. It does not need to be one-way here.
pub(crate) struct PlainFingerprints;

impl Fingerprints for PlainFingerprints {
    fn fingerprint(&self, command: &[u8]) -> [u8; 32] {
        let mut fingerprint = [0_u8; 32];
        for (at, byte) in command.iter().enumerate() {
            let slot = &mut fingerprint[at % 32];
            *slot = slot.rotate_left(3) ^ byte ^ u8::try_from(at / 32 % 251).unwrap_or_default();
        }
        fingerprint
    }
}

/// The clock, ids, randomness and sleep that a use case needs.
pub(crate) fn runtime() -> Runtime {
    let world = Arc::new(World { start: Instant::now() });
    Runtime { clock: world.clone(), ids: world.clone(), random: world.clone(), sleeper: world }
}
