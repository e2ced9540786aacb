//! The latest commit of this process.

use bson::Timestamp;
use std::sync::{Mutex, PoisonError};

/// The server's time of the latest commit of this process. Sessions that start later ask for a state that includes it,
/// so that they see all commits of this process, even after a change of the primary.
#[derive(Default)]
pub(crate) struct Latest(Mutex<Option<Timestamp>>);

impl Latest {
    pub(crate) fn get(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn advance(&self, to: Option<Timestamp>) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = (*latest).max(to);
    }
}
