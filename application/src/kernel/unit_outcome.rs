//! How a unit of work ended, as every store tells its operators.

use super::StoreError;

/// How a unit of work ended: a label of metrics and spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnitOutcome {
    /// It is stored.
    Committed,
    /// It was undone because of a refusal.
    RolledBack,
    /// It was aborted in a way that lets the use case try again.
    Retried,
    /// It was undone because of an error, or its caller has gone.
    Failed,
}

impl UnitOutcome {
    /// Every outcome, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Committed, Self::RolledBack, Self::Retried, Self::Failed];

    /// Its name in metrics and spans.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::RolledBack => "rolled_back",
            Self::Retried => "retried",
            Self::Failed => "failed",
        }
    }

    /// How a unit ends in which this error was met.
    #[must_use]
    pub const fn after(error: &StoreError) -> Self {
        match error {
            StoreError::Retry(_) | StoreError::Stale => Self::Retried,
            _ => Self::Failed,
        }
    }
}
