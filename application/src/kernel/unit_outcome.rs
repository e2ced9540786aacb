//! How a unit of work ended, as every store tells its operators.

use super::StoreError;
use skep_domain::shared::named;

named! {
    /// How a unit of work ended: a label of metrics and spans. `ALL` is in the order of the numbers.
    UnitOutcome {
        /// It is stored.
        Committed = "committed",
        /// It was undone because of a refusal.
        RolledBack = "rolled_back",
        /// It was aborted in a way that lets the use case try again.
        Retried = "retried",
        /// It was undone because of an error, or its caller has gone.
        Failed = "failed",
    }
}

impl UnitOutcome {
    /// How a unit ends in which this error was met.
    #[must_use]
    pub const fn after(error: &StoreError) -> Self {
        match error {
            StoreError::Retry(_) | StoreError::Stale => Self::Retried,
            _ => Self::Failed,
        }
    }
}
