//! The interface for ending and deleting what has expired.

use super::{Attempt, StoreError};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::collections::BTreeMap;

/// Deletes or ends the expired rows of one kind. Each context has one `Sweep` for every kind of row that expires.
#[async_trait]
pub trait Sweep: Send + Sync {
    /// The kind of rows, in the plural, for the log.
    fn name(&self) -> &'static str;

    /// Deletes or ends at most `limit` rows, and returns how many. It may return fewer if some must wait.
    ///
    /// A batch that only deletes is one unit of work, which it ends with `attempt`. If other units want the rows too,
    /// or if events report their end, the batch runs a command for each row, which makes its own attempts. Such a batch
    /// has the same result when it is repeated.
    ///
    /// # Errors
    /// The store's error.
    async fn batch(&self, attempt: Attempt, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
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
