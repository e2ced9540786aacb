//! Migrating the schema of a store.

use crate::kernel::StoreError;
use async_trait::async_trait;
use skep_domain::shared::Timestamp;

/// A migration step, and whether it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The set that the step belongs to, in `snake_case`.
    pub set: String,
    /// The number of the step: counts from 1 within the set, without gaps.
    pub number: i64,
    /// What the step does, in `snake_case`.
    pub name: String,
    /// When the step was applied to this store; `None` if it was not.
    pub applied_at: Option<Timestamp>,
}

/// Which steps to revert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Reverts steps of this set only; `None` means all sets.
    pub set: Option<String>,
    /// The number of steps, starting with the step that was applied last. A greater number than there are reverts all.
    pub steps: u32,
}

impl Down {
    /// The `steps` steps that were applied last, in any set.
    #[must_use]
    pub const fn newest(steps: u32) -> Self {
        Self { set: None, steps }
    }

    /// The `steps` newest steps of a set.
    #[must_use]
    pub fn of(set: impl Into<String>, steps: u32) -> Self {
        Self { set: Some(set.into()), steps }
    }
}

/// Why the schema cannot be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A newer program has migrated the store, so this one must not change it.
    #[error(
        "the store has migration {found} of the set {set}, but this program knows only up to {known}; run the \
         program that applied it, or a newer one"
    )]
    Newer {
        /// The set whose steps are newer.
        set: String,
        /// The greatest number that is applied.
        found: i64,
        /// The greatest number that this program knows.
        known: i64,
    },
    /// The store has steps of a set that this program does not have, so this program must not change it.
    #[error(
        "the store has migrations up to {found} of the set {set}, which this program does not know; run the program \
         that brings this set: a newer skep, or one that embeds skep"
    )]
    UnknownSet {
        /// The set that this program does not have.
        set: String,
        /// The greatest number that is applied.
        found: i64,
    },
    /// The set whose steps were to be reverted does not exist.
    #[error("there is no set {set}; the sets are {known}")]
    NoSuchSet {
        /// The set that was named.
        set: String,
        /// The sets of this program, separated by commas.
        known: String,
    },
    /// Another set depends on the steps that were to be reverted. Nothing was changed.
    #[error("migrations of the set {by} depend on the set {set}; revert those of {by} first")]
    Needed {
        /// The set whose steps were to be reverted.
        set: String,
        /// The set that depends on it.
        by: String,
    },
    /// The sets that this program declares contradict each other; its developer has to fix them.
    #[error("the migrations of this program do not fit together: {0}")]
    Misdeclared(String),
    /// A step failed. The steps before it stay applied.
    #[error("migration {number} {name} of the set {set} failed")]
    Failed {
        /// The set of the failed step.
        set: String,
        /// The number within the set.
        number: i64,
        /// The name of the failed step.
        name: String,
        /// What the step failed with.
        #[source]
        source: StoreError,
    },
    /// The store failed outside of a step.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrationError {
    /// Whether the store was migrated by a program that knows more steps than this one.
    #[must_use]
    pub const fn is_newer(&self) -> bool {
        matches!(self, Self::Newer { .. } | Self::UnknownSet { .. })
    }
}

/// Migrates the schema of a store. Several instances may start at once: one migrates, the others wait and find the
/// steps applied.
///
/// 1. Steps belong to sets. Sets run in a fixed order: first ours, then those of a host program. The steps of a set run
///    in the order of their numbers.
/// 2. A step and its record are stored together or not at all. If a store cannot do that, an interrupted step is not
///    recorded, and the next `up` repeats it.
/// 3. Every method refuses a store with a step that this program does not know, and changes nothing. If the set is
///    known and the number is too great, the error is `Newer`. If the set is not known, it is `UnknownSet`.
/// 4. Steps that an applied step of another set depends on are not reverted; the error is `Needed`.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Migrations: Send + Sync {
    /// Applies all missing steps in order, and returns them.
    async fn up(&self) -> Result<Vec<MigrationStatus>, MigrationError>;
    /// Reverts steps, starting with the step that was applied last, and returns them in this order. Deletes all data in
    /// the tables or collections that the steps created.
    async fn down(&self, which: &Down) -> Result<Vec<MigrationStatus>, MigrationError>;
    /// Returns all steps that this program knows, in order. Changes nothing.
    async fn status(&self) -> Result<Vec<MigrationStatus>, MigrationError>;
}
