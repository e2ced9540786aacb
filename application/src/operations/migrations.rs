//! Moving the schema of a store.

use crate::kernel::StoreError;
use async_trait::async_trait;
use skep_domain::shared::Timestamp;

/// One step of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The set that it belongs to, in `snake_case`.
    pub set: String,
    /// Counts from 1 within its set, without gaps.
    pub number: i64,
    /// What it does, in `snake_case`.
    pub name: String,
    /// When it was applied to this store, if it was.
    pub applied_at: Option<Timestamp>,
}

/// Which steps to take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Of this set alone; of all sets if none is named.
    pub set: Option<String>,
    /// So many, those that were applied last first. More than there are is all.
    pub steps: u32,
}

impl Down {
    /// The steps that were applied last, of whatever set.
    #[must_use]
    pub const fn newest(steps: u32) -> Self {
        Self { set: None, steps }
    }

    /// The newest steps of a set.
    #[must_use]
    pub fn of(set: impl Into<String>, steps: u32) -> Self {
        Self { set: Some(set.into()), steps }
    }
}

/// Why the schema cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The store was migrated by a newer program: this one must not touch it.
    #[error(
        "the store has migration {found} of the set {set}, this program knows up to {known}; run the program that \
         applied it, or a newer one"
    )]
    Newer {
        /// The set.
        set: String,
        /// The greatest number of the set that is applied.
        found: i64,
        /// The greatest number of the set that is known.
        known: i64,
    },
    /// The store has steps of a set that this program does not have: this one must not touch it.
    #[error(
        "the store has migrations up to {found} of the set {set}, which this program does not know; run the program \
         that brings this set: a newer skep, or one that embeds skep"
    )]
    UnknownSet {
        /// The set.
        set: String,
        /// The greatest number of the set that is applied.
        found: i64,
    },
    /// There is no such set to take steps back from.
    #[error("there is no set {set}; the sets are {known}")]
    NoSuchSet {
        /// The set that was named.
        set: String,
        /// The sets that there are, separated by commas.
        known: String,
    },
    /// Another set builds on the steps that are to be taken back. Nothing was changed.
    #[error("migrations of the set {by} were applied on top of the set {set}: take those of {by} back first")]
    Needed {
        /// The set to take steps back from.
        set: String,
        /// The set that builds on it.
        by: String,
    },
    /// The sets that this program brings do not fit together: its author has to mend it.
    #[error("the migrations of this program do not fit together: {0}")]
    Misdeclared(String),
    /// A step failed; the ones before it stay applied.
    #[error("migration {number} {name} of the set {set} failed")]
    Failed {
        /// Its set.
        set: String,
        /// The step.
        number: i64,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrationError {
    /// Whether the store was moved by a program that knows more than this one.
    #[must_use]
    pub const fn is_newer(&self) -> bool {
        matches!(self, Self::Newer { .. } | Self::UnknownSet { .. })
    }
}

/// Moves the schema of a store. Safe when several instances start at once: one moves, the others wait and find it done.
///
/// 1. Steps belong to sets. Sets run in one order, those of a host program after ours; the steps of a set run by number.
/// 2. A step and its record are stored together or not at all. Where a store cannot do that, a step that was interrupted
///    is not recorded, and the next `up` repeats it.
/// 3. A store with a step that this program does not know is refused by every method, and not touched: a greater number
///    of a known set is `Newer`, another set is `UnknownSet`.
/// 4. What another set was built on is not taken back: `Needed`.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Migrations: Send + Sync {
    /// Applies every step that is missing, in order; answers those it applied.
    async fn up(&self) -> Result<Vec<MigrationStatus>, MigrationError>;
    /// Takes steps back, those that were applied last first, with all data in what they made; answers those it took
    /// back, in this order.
    async fn down(&self, which: &Down) -> Result<Vec<MigrationStatus>, MigrationError>;
    /// Every step that this program knows, in order. Changes nothing.
    async fn status(&self) -> Result<Vec<MigrationStatus>, MigrationError>;
}
