//! The outcomes of units of work, in the metrics and spans of every store.

use super::StoreError;
use skep_domain::shared::named;

named! {
    /// How a unit of work ended, as a label of metrics and spans. `ALL` is in the order of the discriminants.
    UnitOutcome {
        /// It was stored.
        Committed = "committed",
        /// It was undone because of a refusal.
        RolledBack = "rolled_back",
        /// It was aborted, and the use case may try again.
        Retried = "retried",
        /// It was undone because of an error, or because its caller was canceled.
        Failed = "failed",
    }
}

impl UnitOutcome {
    /// Returns the outcome of a unit in which this error occurred.
    #[must_use]
    pub const fn after(error: &StoreError) -> Self {
        match error {
            StoreError::Retry(_) | StoreError::Stale => Self::Retried,
            _ => Self::Failed,
        }
    }
}
