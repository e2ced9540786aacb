//! Rows that are forgotten some time after they expired.

use super::{Attempt, StoreError};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::collections::BTreeMap;

/// Forgets the expired rows of one kind. Each context has one for every kind of row that expires.
#[async_trait]
pub trait Sweep: Send + Sync {
    /// The rows, in the plural, for the log.
    fn name(&self) -> &'static str;

    /// Forgets at most `limit` rows in a unit of work of its own, which it ends with the attempt; answers how many.
    ///
    /// # Errors
    /// The store's.
    async fn batch(&self, attempt: Attempt, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// How many rows of each kind were forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept(BTreeMap<&'static str, u64>);

impl Swept {
    /// Counts forgotten rows of a kind.
    pub fn add(&mut self, name: &'static str, rows: u64) {
        if rows > 0 {
            *self.0.entry(name).or_default() += rows;
        }
    }

    /// Whether nothing was forgotten.
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
