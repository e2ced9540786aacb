//! A budget of repeats, so that repeats never become a large part of the load of a server that is slow already.

use std::sync::{Mutex, PoisonError};

/// Each call adds a part of a repeat to the budget, and each repeat takes one.
#[derive(Debug)]
pub struct RetryBudget {
    /// In hundredths of a repeat.
    left: Mutex<u32>,
    percent: u32,
    most: u32,
}

impl RetryBudget {
    /// Lets as many repeats through as `percent` of the calls, and at most `most` at once. It begins full.
    #[must_use]
    pub const fn new(percent: u32, most: u32) -> Self {
        let most = most.saturating_mul(100);
        Self { left: Mutex::new(most), percent, most }
    }

    /// Counts a call that is not a repeat.
    pub fn called(&self) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_add(self.percent).min(self.most);
    }

    /// Takes a repeat. Returns `false` if none is left.
    #[must_use]
    pub fn take(&self) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = left.checked_sub(100);
        *left = rest.unwrap_or(*left);
        rest.is_some()
    }
}

impl Default for RetryBudget {
    /// A fifth of the calls, and at most 10 at once.
    fn default() -> Self {
        Self::new(20, 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_a_share_of_the_calls() {
        let budget = RetryBudget::new(20, 2);
        assert_eq!([budget.take(), budget.take(), budget.take()], [true, true, false]);
        for _ in 0..4 {
            budget.called();
        }
        assert!(!budget.take());
        budget.called();
        assert_eq!([budget.take(), budget.take()], [true, false]);
        for _ in 0..1_000 {
            budget.called();
        }
        assert_eq!([budget.take(), budget.take(), budget.take()], [true, true, false]);
    }
}
