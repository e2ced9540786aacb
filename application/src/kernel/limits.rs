//! Rate limits.

mod counting;
mod gcra;
mod wider_networks;
mod window;

use super::{Fingerprints, StoreError};
use async_trait::async_trait;
use std::{fmt::Write as _, time::Duration};

pub use counting::{Counting, Tally, Windows};
pub use gcra::Gcra;
pub use wider_networks::WiderNetworks;

/// A rate limit. It counts units: a call takes one or more of them, as its work requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The number of units that are available at once, and in each `period` as the kind says.
    pub burst: u32,
    /// The time in which an empty bucket becomes full again, or the length of a window. At most ten years count.
    pub period: Duration,
    /// How units become available again.
    pub kind: LimitKind,
}

/// How the units of a limit become available again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LimitKind {
    /// One after the other, at an even pace: the generic cell rate algorithm, a bucket that leaks.
    #[default]
    Smooth,
    /// All at once, when the next window begins. Around this moment, twice the burst can be taken.
    Fixed,
    /// As the window before passes out of sight: its units count by the share of it that the last period still covers, as
    /// if they had been taken at an even pace.
    Sliding,
}

impl Limit {
    /// A limit whose units become available one after the other.
    #[must_use]
    pub const fn smooth(burst: u32, period: Duration) -> Self {
        Self { burst, period, kind: LimitKind::Smooth }
    }

    /// The limit with `times` as many units in the same period.
    #[must_use]
    pub const fn times(self, times: u32) -> Self {
        Self { burst: self.burst.saturating_mul(times), ..self }
    }
}

/// The decision of a limiter on one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the call is allowed. A refused call takes nothing from the bucket.
    pub allowed: bool,
    /// The number of units that remain in the bucket.
    pub remaining: u32,
    /// The time until a call with the same cost is allowed. Zero if it is allowed at once.
    pub retry_after: Duration,
    /// The time until the whole burst is available again.
    pub reset_after: Duration,
}

/// Limits the rate of calls, as [`Counting`] computes it.
///
/// 1. Of any number of calls at once with one key, exactly those are allowed whose costs fit into `burst` together. Then
///    units become available again as the kind of the limit says: under a smooth one, one every `period / burst`.
/// 2. Keys do not affect each other, and a refused call takes nothing.
/// 3. The limiter measures time with its own clock, whose epoch is that of Unix. It forgets a key when the whole burst is
///    available again, or up to a period later. A clock that is set back makes no caller wait for more than two periods.
/// 4. A call takes its whole cost or nothing. A cost above `burst` is never allowed. A cost of zero is always allowed.
/// 5. Units that are given back are available at once. A bucket never has more than its burst. Units of a window that has
///    ended are taken off the count of the window of this time, if it has any.
///
/// A key has one limit. Under another limit, what was counted may be forgotten.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RateLimits: Send + Sync {
    /// Takes `cost` units from the bucket of `key`.
    ///
    /// # Errors
    /// `Unavailable` if the shared counter does not answer. The caller then decides whether to go on.
    async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError>;

    /// Gives units back that an allowed call has taken from the bucket of `key` under the same limit.
    ///
    /// # Errors
    /// `Unavailable` if the shared counter does not answer. The units then become available as time passes.
    async fn give_back(&self, key: &str, cost: u32, limit: Limit) -> Result<(), StoreError>;
}

/// The name of an account or address in the names of counters. It does not reveal the text, because a shared limiter may
/// be read by others.
#[must_use]
pub(crate) fn counter_name(fingerprints: &dyn Fingerprints, text: &str) -> String {
    hex(&fingerprints.fingerprint(text.as_bytes())[..16])
}

/// The bytes in hexadecimal digits, as in names of counters and in tokens.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
