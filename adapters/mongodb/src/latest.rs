//! The latest commit of this process.

use bson::Timestamp;
use std::sync::{Mutex, PoisonError};

/// The server's time of the latest commit of this process. Sessions that start later ask to see everything up to it, so
/// that what this process has committed shows in all of them, after a change of primaries, too.
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
