//! What the application takes from the world besides stores: time, identifiers, randomness.

use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// The two clocks.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Clock: Send + Sync {
    /// The time of day, for data. It may jump.
    fn now(&self) -> Timestamp;
    /// The time since some fixed moment, for deadlines. It never goes back.
    fn monotonic(&self) -> Duration;
}

/// Makes identifiers.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// A new UUID, version 7 outside of tests.
    fn next(&self) -> Uuid;
}

/// Makes random numbers that no one can guess.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Random: Send + Sync {
    /// 64 random bits.
    fn bits(&self) -> u64;
    /// 256 random bits, for secrets.
    fn secret(&self) -> [u8; 32];
    /// A number from 0 up to, not including, 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    fn fraction(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Waits.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Sleeper: Send + Sync {
    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);
}

/// All of it, as every use case holds it.
#[derive(Clone)]
pub struct Runtime {
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The maker of identifiers.
    pub ids: Arc<dyn IdGenerator>,
    /// The source of randomness.
    pub random: Arc<dyn Random>,
    /// Waits between attempts.
    pub sleeper: Arc<dyn Sleeper>,
}
