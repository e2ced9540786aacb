//! The epochs of an account.

/// Counts how often everything that an account had given out has ended at once. A session holds only in the epoch in
/// which it started.
///
/// A new epoch also ends a session that another unit of work is storing at the same time, because that unit has read
/// the epoch before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthEpoch(i64);

impl AuthEpoch {
    /// The epoch of a new account.
    pub const FIRST: Self = Self(0);

    /// An epoch as a store gives it; `None` below 0.
    #[must_use]
    pub const fn new(number: i64) -> Option<Self> {
        if number < 0 { None } else { Some(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
