//! How the connections are used.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How the connections of one kind are used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStats {
    /// How many are in use.
    pub used: usize,
    /// How many nobody uses.
    pub idle: usize,
    /// How many there may be.
    pub max: usize,
    /// How many callers wait for one.
    pub pending: usize,
    /// How many callers have waited in vain since the start.
    pub timeouts: u64,
}

/// Counts those who wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    now: AtomicUsize,
    in_vain: AtomicU64,
}

impl Waiting {
    /// Counts one who waits, until what is answered is dropped.
    pub(crate) fn one(&self) -> One<'_> {
        self.now.fetch_add(1, Ordering::Relaxed);
        One(&self.now)
    }

    /// Somebody has waited for too long.
    pub(crate) fn was_in_vain(&self) {
        self.in_vain.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self, max: usize, used: usize) -> PoolStats {
        PoolStats {
            used,
            idle: max.saturating_sub(used),
            max,
            pending: self.now.load(Ordering::Relaxed),
            timeouts: self.in_vain.load(Ordering::Relaxed),
        }
    }
}

/// One who waits.
pub(crate) struct One<'a>(&'a AtomicUsize);

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
