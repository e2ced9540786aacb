//! One unit's right to use the writer.

use super::{group::GroupWriter, queue::WriteQueue};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Holds a leased writer. The unit uses it here, and the commit thread takes it from here when the unit is too old, so
/// that a forgotten unit cannot hold it forever.
pub(super) struct Slot(Mutex<Option<Box<GroupWriter>>>);

impl Slot {
    pub(super) fn new(writer: Box<GroupWriter>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(writer))))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<GroupWriter>>> {
        // Poisoned by a statement that panicked. The unit is marked as failed, and rolling it back is still correct.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self) -> Option<Box<GroupWriter>> {
        self.lock().take()
    }
}

/// Owns the writer for one unit. On drop it rolls the open unit back and releases the writer.
pub(super) struct Lease {
    slot: Arc<Slot>,
    queue: Arc<WriteQueue>,
}

impl Lease {
    pub(super) fn new(slot: Arc<Slot>, queue: Arc<WriteQueue>) -> Self {
        Self { slot, queue }
    }

    pub(super) fn queue(&self) -> &Arc<WriteQueue> {
        &self.queue
    }

    /// Restarts the age of the lease.
    pub(super) fn renew(&self) {
        self.queue.renew(&self.slot);
    }

    /// Uses the writer. `None` if it was taken away.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut GroupWriter) -> T) -> Option<T> {
        self.slot.lock().as_deref_mut().map(work)
    }

    /// Detaches the writer, which the caller must then release. `None` if it was taken away.
    pub(super) fn take(&self) -> Option<Box<GroupWriter>> {
        self.slot.take()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(mut writer) = self.slot.take() {
            writer.undo_unit();
            self.queue.release(writer);
        }
    }
}
