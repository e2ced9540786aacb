//! The version of an aggregate, for optimistic concurrency.

use serde::{Deserialize, Serialize};

/// Counts the saved states of an aggregate from 1. A save names the version that it read. If the store has another
/// version by then, another caller was faster and the save is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(i64);

impl Version {
    /// The version of a newly inserted aggregate.
    pub const FIRST: Self = Self(1);

    /// A version as a store or an `If-Match` header gives it; `None` below 1.
    #[must_use]
    pub const fn new(number: i64) -> Option<Self> {
        if number < 1 { None } else { Some(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
