//! The life of the keys of this deployment: published, in use, retired, deleted.

use super::{InstanceKeys, KeyState, SealedKey};
use crate::kernel::{Runtime, StoreError, run};
use skep_domain::shared::Timestamp;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// When a key changes its state. No valid token is refused while keys change:
///
/// - A key is published for ten minutes before it signs. By then every instance has read it, and the list of public
///   keys, which clients may cache for five minutes, has it.
/// - A retired key verifies for ten minutes longer than a token is valid. An instance that has not read the change yet
///   may still sign with it.
/// - The clocks of two instances may be an hour apart, and a clock may step by an hour. So an instance waits until it has
///   known a key for long enough by its monotonic clock, and a retired key is kept for an hour longer, twice: by the clock
///   that retires it, and by the one that deletes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRotation {
    token_lifetime: Duration,
}

/// A change of state whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStep {
    /// The next key with this id becomes active, and the active one retires.
    Activate {
        /// The id of the next key.
        id: String,
        /// When the retired key expires.
        expires_at: Timestamp,
    },
    /// Retired keys have expired and can be deleted.
    DeleteExpired,
}

impl KeyRotation {
    /// How often an instance reads the keys. Reads may fail several times in a row before a key comes too late.
    pub const READ_EVERY: Duration = Duration::from_secs(60);
    /// How long a key is published before it is used.
    pub const PUBLISHED_FOR: Duration = Duration::from_secs(10 * 60);
    /// How far two clocks may be apart.
    const CLOCK_STEP: Duration = Duration::from_secs(60 * 60);
    /// How long an instance must have known a key before it activates it. It may have read the key a minute late.
    const KNOWN_FOR: Duration = Duration::from_secs(9 * 60);
    /// No configured token lives longer. An older configuration may have signed tokens that are still valid.
    const LONGEST_TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);

    /// The rules for tokens that are valid for this time.
    #[must_use]
    pub fn new(token_lifetime: Duration) -> Self {
        Self { token_lifetime: token_lifetime.max(Self::LONGEST_TOKEN_LIFETIME) }
    }

    /// The time from which on a next key may be activated.
    #[must_use]
    pub fn activates_at(key: &SealedKey) -> Timestamp {
        later(key.created_at, Self::PUBLISHED_FOR)
    }

    /// The steps that are due. This instance has known the next key for `known_for`, by its monotonic clock.
    #[must_use]
    pub fn due(&self, keys: &[SealedKey], now: Timestamp, known_for: Duration) -> Vec<KeyStep> {
        let expires_at = later(now, self.token_lifetime + Self::PUBLISHED_FOR + Self::CLOCK_STEP);
        let is_published = |key: &SealedKey| {
            let activates_at = Self::activates_at(key);
            // An instance that is started again and again would never know a key for long.
            let is_certain = known_for >= Self::KNOWN_FOR || later(activates_at, Self::CLOCK_STEP) <= now;
            activates_at <= now && is_certain
        };
        let next = keys.iter().filter(|key| key.state == KeyState::Next && is_published(key));
        let mut steps: Vec<_> = next.map(|key| KeyStep::Activate { id: key.id.clone(), expires_at }).collect();
        let until = Self::deletes_until(now);
        if keys.iter().any(|key| key.state.expires_at().is_some_and(|expires_at| expires_at <= until)) {
            steps.push(KeyStep::DeleteExpired);
        }
        steps
    }

    /// The keys that expired until then are deleted.
    fn deletes_until(now: Timestamp) -> Timestamp {
        now.plus_millis(-millis(Self::CLOCK_STEP))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.plus_millis(millis(by))
}

/// Takes the keys of this deployment through their states. Every instance does this; of several that do it at once, one
/// changes a key.
pub struct AdvanceKeys {
    keys: Arc<dyn InstanceKeys>,
    rotation: KeyRotation,
    runtime: Runtime,
    /// The id of the next key, and when this instance has read it first, by the monotonic clock.
    known: Mutex<Option<(String, Duration)>>,
}

impl AdvanceKeys {
    /// Makes the use case over the keys of this store.
    #[must_use]
    pub fn new(keys: Arc<dyn InstanceKeys>, rotation: KeyRotation, runtime: Runtime) -> Self {
        Self { keys, rotation, runtime, known: Mutex::default() }
    }

    /// Takes the steps that are due, and returns the keys as they are then, oldest first.
    ///
    /// # Errors
    /// Those of the store. Steps that were taken before stay.
    pub async fn execute(&self) -> Result<Vec<SealedKey>, StoreError> {
        let now = self.runtime.clock.now();
        let keys = self.keys.list_keys().await?;
        let steps = self.rotation.due(&keys, now, self.known_for(&keys));
        if steps.is_empty() {
            return Ok(keys);
        }
        for step in &steps {
            // Each step has the same result when it is done twice, so an unknown outcome needs no event.
            run(&self.runtime, None, |_| self.take(step, now)).await?;
        }
        self.keys.list_keys().await
    }

    /// How long this instance has known the next key.
    fn known_for(&self, keys: &[SealedKey]) -> Duration {
        let now = self.runtime.clock.monotonic();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let next = keys.iter().find(|key| key.state == KeyState::Next);
        *known = next.map(|next| match known.take() {
            Some((id, since)) if id == next.id => (id, since),
            _ => (next.id.clone(), now),
        });
        known.as_ref().map_or(Duration::ZERO, |(_, since)| now.saturating_sub(*since))
    }

    async fn take(&self, step: &KeyStep, now: Timestamp) -> Result<(), StoreError> {
        match step {
            KeyStep::Activate { id, expires_at } => self.keys.activate_key(id, *expires_at).await.map(|_| ()),
            KeyStep::DeleteExpired => {
                let until = KeyRotation::deletes_until(now);
                self.keys.delete_expired_keys(until).await.map(|_| ())
            }
        }
    }
}

#[cfg(test)]
mod tests;
