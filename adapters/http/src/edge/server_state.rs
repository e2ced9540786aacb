//! The state that all connections of a server share.

use super::room::Level;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// The state that all connections of a server share.
#[derive(Debug)]
pub(crate) struct ServerState {
    phase: AtomicU8,
    /// The requests in flight on all connections.
    in_flight: AtomicUsize,
    /// The room for the answers of all connections.
    unsent: Level,
    unsent_per_connection: usize,
    /// Canceled when draining starts, after `phase` was set.
    drain: CancellationToken,
    /// Canceled when the time for draining is over, after `phase` was set.
    cut: CancellationToken,
}

pub(super) const RUNNING: u8 = 0;
pub(super) const DRAINING: u8 = 1;
pub(super) const CUT: u8 = 2;

impl ServerState {
    pub(crate) fn new(unsent: Level, unsent_per_connection: usize) -> Self {
        Self {
            phase: AtomicU8::new(RUNNING),
            in_flight: AtomicUsize::new(0),
            unsent,
            unsent_per_connection,
            drain: CancellationToken::new(),
            cut: CancellationToken::new(),
        }
    }

    pub(crate) fn start_drain(&self) {
        self.phase.store(DRAINING, Ordering::Release);
        self.drain.cancel();
    }

    pub(crate) fn cut(&self) {
        self.phase.store(CUT, Ordering::Release);
        self.cut.cancel();
    }

    pub(super) fn phase(&self) -> u8 {
        self.phase.load(Ordering::Acquire)
    }

    pub(super) fn draining(&self) -> WaitForCancellationFuture<'_> {
        self.drain.cancelled()
    }

    pub(super) fn cutting(&self) -> WaitForCancellationFuture<'_> {
        self.cut.cancelled()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    pub(super) fn request_began(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn request_ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) const fn unsent(&self) -> &Level {
        &self.unsent
    }

    pub(super) const fn unsent_per_connection(&self) -> usize {
        self.unsent_per_connection
    }
}
