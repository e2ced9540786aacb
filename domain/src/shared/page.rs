//! The size of a page of a list, and the direction in which a list is sorted.

/// The number of items of one page: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u8);

/// A page holds 1 to 100 items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be between 1 and 100")]
pub struct PageLimitOutOfRange;

impl PageLimit {
    /// The limit of the largest page.
    pub const MAX: Self = Self(100);

    /// Checks the limit that a caller asks for.
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

/// The direction in which a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Greatest first.
    Descending,
}
