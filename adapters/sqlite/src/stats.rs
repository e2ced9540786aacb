//! Usage of the connections.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The current usage of the connections of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStats {
    /// Connections that are in use.
    pub used: usize,
    /// Connections that are free.
    pub idle: usize,
    /// The most connections that can be in use.
    pub max: usize,
    /// Callers that wait for a connection.
    pub pending: usize,
    /// Callers that gave up waiting, since the database was opened.
    pub timeouts: u64,
}

/// Counts the callers that wait for a connection.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    now: AtomicUsize,
    in_vain: AtomicU64,
}

impl Waiting {
    /// Counts a waiting caller until the result is dropped.
    pub(crate) fn one(&self) -> One<'_> {
        self.now.fetch_add(1, Ordering::Relaxed);
        One(&self.now)
    }

    /// Counts a caller that has waited for too long.
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

/// A waiting caller, counted until it is dropped.
pub(crate) struct One<'a>(&'a AtomicUsize);

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
