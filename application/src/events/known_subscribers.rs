//! The subscribers that this program has.

use skep_domain::events::SubscriberName;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// The subscribers that this program has, by their names. A program makes them after the use cases. Clones share the names.
#[derive(Clone, Default)]
pub struct KnownSubscribers(Arc<Mutex<BTreeSet<SubscriberName>>>);

impl KnownSubscribers {
    /// Adds a subscriber.
    pub fn know(&self, name: &SubscriberName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
    }

    /// Whether this program has the subscriber.
    #[must_use]
    pub fn has(&self, name: &SubscriberName) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }
}
