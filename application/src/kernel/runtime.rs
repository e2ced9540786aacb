//! The ports for time, identifiers and randomness.

use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};
use uuid::Uuid;

/// Tells the time by two clocks.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Clock: Send + Sync {
    /// The time of day, to be stored in data. It may jump.
    fn now(&self) -> Timestamp;
    /// The time since a fixed moment, for deadlines. It never goes back.
    fn monotonic(&self) -> Duration;
}

/// Generates identifiers.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// Returns a new UUID. Outside of tests, its version is 7.
    fn next(&self) -> Uuid;
}

/// Generates random numbers that cannot be guessed.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Random: Send + Sync {
    /// Returns 64 random bits.
    fn bits(&self) -> u64;
    /// Returns 256 random bits, for secrets.
    fn secret(&self) -> [u8; 32];
    /// Returns a number of at least 0 and less than 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    fn fraction(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Waits for a given time.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Sleeper: Send + Sync {
    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);
}

/// The ports for time, identifiers and randomness, as use cases hold them.
#[derive(Clone)]
pub struct Runtime {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Generates identifiers.
    pub ids: Arc<dyn IdGenerator>,
    /// Generates random numbers.
    pub random: Arc<dyn Random>,
    /// Waits between attempts.
    pub sleeper: Arc<dyn Sleeper>,
}

impl Runtime {
    /// Waits for `work`, and drops it after this time. `None` if it was not done by then.
    pub(crate) async fn within<T>(&self, patience: Duration, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, mut over) = (pin!(work), self.sleeper.sleep(patience));
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => over.as_mut().poll(context).map(|()| None),
        })
        .await
    }
}
