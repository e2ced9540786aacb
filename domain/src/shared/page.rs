//! How much of a list one answer holds, and which way it runs.

/// The number of items of one page: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u8);

/// A page holds 1 to 100 items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be between 1 and 100")]
pub struct PageLimitOutOfRange;

impl PageLimit {
    /// The greatest page.
    pub const MAX: Self = Self(100);

    /// A limit as a caller asks for it.
    ///
    /// # Errors
    /// [`PageLimitOutOfRange`] unless it lies between 1 and 100.
    pub fn new(limit: i64) -> Result<Self, PageLimitOutOfRange> {
        match u8::try_from(limit) {
            Ok(limit @ 1..=100) => Ok(Self(limit)),
            _ => Err(PageLimitOutOfRange),
        }
    }

    /// The number of items.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for PageLimit {
    /// 20 items.
    fn default() -> Self {
        Self(20)
    }
}

/// The way a sorted list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Greatest first.
    Descending,
}
