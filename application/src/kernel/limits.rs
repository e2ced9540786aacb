//! How often things may be done.

mod gcra;

use super::StoreError;
use async_trait::async_trait;
use std::time::Duration;

pub use gcra::Gcra;

/// How often something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// So many times at once, and in every `period` on average.
    pub burst: u32,
    /// The time in which an empty bucket becomes full again.
    pub period: Duration,
}

/// What a limit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may be done now. If not, nothing was taken.
    pub allowed: bool,
    /// How many more times at once.
    pub remaining: u32,
    /// When it may be done again; zero if it may be done at once.
    pub retry_after: Duration,
    /// When the whole burst is there again.
    pub reset_after: Duration,
}

/// Counts how often things are done, by the generic cell rate algorithm (a bucket that leaks at an even pace).
///
/// 1. Of any number of calls at once with one key, exactly `burst` are allowed, then one every `period / burst`.
/// 2. Keys do not touch each other; a refused call takes nothing.
/// 3. Time is the limiter's own; keys that are full again are forgotten.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RateLimits: Send + Sync {
    /// Takes one from the bucket of `key`.
    ///
    /// # Errors
    /// `Unavailable` if the shared counter cannot be asked; the caller decides what then.
    async fn take(&self, key: &str, limit: Limit) -> Result<Verdict, StoreError>;
}
