//! Rate limits.

mod gcra;

use super::StoreError;
use async_trait::async_trait;
use std::time::Duration;

pub use gcra::Gcra;

/// A rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The number of calls that are allowed at once, and in each `period` on average.
    pub burst: u32,
    /// The time in which an empty bucket becomes full again.
    pub period: Duration,
}

/// The decision of a limiter on one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the call is allowed. A refused call takes nothing from the bucket.
    pub allowed: bool,
    /// The number of further calls that are allowed at once.
    pub remaining: u32,
    /// The time until the next call is allowed. Zero if it is allowed at once.
    pub retry_after: Duration,
    /// The time until the whole burst is available again.
    pub reset_after: Duration,
}

/// Limits the rate of calls by the generic cell rate algorithm (a bucket that leaks at an even pace).
///
/// 1. Of any number of calls at once with one key, exactly `burst` are allowed, then one every `period / burst`.
/// 2. Keys do not affect each other, and a refused call takes nothing.
/// 3. The limiter measures time with its own clock. It forgets a key when the whole burst is available again.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RateLimits: Send + Sync {
    /// Takes one from the bucket of `key`.
    ///
    /// # Errors
    /// `Unavailable` if the shared counter does not answer. The caller then decides whether to go on.
    async fn take(&self, key: &str, limit: Limit) -> Result<Verdict, StoreError>;
}
