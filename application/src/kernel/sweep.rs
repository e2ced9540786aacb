//! The interfaces for ending and deleting what has expired.

use super::{Attempt, Runtime, StoreError, run};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::collections::BTreeMap;

/// Deletes the expired rows of one kind in batches. Each batch is one unit of work.
#[async_trait]
pub trait Sweep: Send + Sync {
    /// The kind of rows, in the plural, for the log.
    fn name(&self) -> &'static str;

    /// Deletes at most `limit` rows in a unit of work, which it ends with `attempt`. Returns their number. A smaller
    /// number than `limit` means that no other row can be deleted now.
    ///
    /// # Errors
    /// The store's error.
    async fn batch(&self, attempt: Attempt, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// Ends or deletes all expired rows of one kind, or completes those that an earlier version has stored. Each context has
/// one for every kind of row that expires.
///
/// If rows are only deleted, implement [`Sweep`] instead. If other units want the rows too, or if events report their
/// end, run a command for each row, which makes its own attempts. A row that cannot be ended must then not keep the
/// others from being ended.
#[async_trait]
pub trait SweepAll: Send + Sync {
    /// The kind of rows, in the plural, for the log.
    fn name(&self) -> &'static str;

    /// Works in batches until no expired row is left or the round is stopped. Counts each row in `round.swept`, also
    /// before an error.
    ///
    /// # Errors
    /// The first error of the store.
    async fn sweep_all(&self, round: &mut Round<'_>) -> Result<(), StoreError>;
}

#[async_trait]
impl<S: Sweep> SweepAll for S {
    fn name(&self) -> &'static str {
        Sweep::name(self)
    }

    async fn sweep_all(&self, round: &mut Round<'_>) -> Result<(), StoreError> {
        let (now, limit) = (round.now, round.limit);
        while !round.is_stopped() {
            let rows = run(round.runtime, None, |attempt| self.batch(attempt, now, limit)).await?;
            round.swept += rows;
            if rows < u64::from(limit) {
                break;
            }
        }
        Ok(())
    }
}

/// The bounds of a [`SweepAll`], and its result.
pub struct Round<'a> {
    /// The rows that have expired at this time are ended or deleted.
    pub now: Timestamp,
    /// The greatest number of rows per batch.
    pub limit: u32,
    /// The number of rows that were ended or deleted.
    pub swept: u64,
    runtime: &'a Runtime,
    stopped: &'a (dyn Fn() -> bool + Send + Sync),
}

impl<'a> Round<'a> {
    /// A round that begins now, with at most `limit` rows per batch. It ends early once `stopped` returns true.
    #[must_use]
    pub fn new(runtime: &'a Runtime, limit: u32, stopped: &'a (dyn Fn() -> bool + Send + Sync)) -> Self {
        Self { now: runtime.clock.now(), limit, swept: 0, runtime, stopped }
    }

    /// Whether no further batch or row may begin.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        (self.stopped)()
    }
}

/// The number of deleted or ended rows of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept(BTreeMap<&'static str, u64>);

impl Swept {
    /// Adds to the number of rows of a kind.
    pub fn add(&mut self, name: &'static str, rows: u64) {
        if rows > 0 {
            *self.0.entry(name).or_default() += rows;
        }
    }

    /// The number of rows of each kind that had some.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(name, rows)| (*name, *rows))
    }

    /// Whether nothing was deleted or ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const N: usize> From<[(&'static str, u64); N]> for Swept {
    fn from(rows: [(&'static str, u64); N]) -> Self {
        let mut swept = Self::default();
        rows.into_iter().for_each(|(name, rows)| swept.add(name, rows));
        swept
    }
}

/// For example `2 idempotency keys, 600 sessions`.
impl std::fmt::Display for Swept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, (name, rows)) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{rows} {name}")?;
        }
        Ok(())
    }
}
