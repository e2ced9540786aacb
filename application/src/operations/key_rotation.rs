//! The life of the keys of this deployment: published, in use, retired, deleted.

use super::{InstanceKeys, KeyState, SealedKey};
use crate::kernel::{Runtime, StoreError, run};
use skep_domain::shared::Timestamp;
use std::{sync::Arc, time::Duration};

/// When a key changes its state. No valid token is refused while keys change:
///
/// - A key is published for ten minutes before it signs. By then every instance has read it, and the list of public
///   keys, which clients may cache for five minutes, has it.
/// - A retired key verifies for ten minutes longer than a token is valid. An instance that has not read the change yet
///   may still sign with it.
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

    /// The steps that are due.
    #[must_use]
    pub fn due(&self, keys: &[SealedKey], now: Timestamp) -> Vec<KeyStep> {
        let expires_at = later(now, self.token_lifetime + Self::PUBLISHED_FOR);
        let next = keys.iter().filter(|key| key.state == KeyState::Next && Self::activates_at(key) <= now);
        let mut steps: Vec<_> = next.map(|key| KeyStep::Activate { id: key.id.clone(), expires_at }).collect();
        if keys.iter().any(|key| key.state.expires_at().is_some_and(|expires_at| expires_at <= now)) {
            steps.push(KeyStep::DeleteExpired);
        }
        steps
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.plus_millis(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}

/// Takes the keys of this deployment through their states. Every instance does this; of several that do it at once, one
/// changes a key.
pub struct AdvanceKeys {
    keys: Arc<dyn InstanceKeys>,
    rotation: KeyRotation,
    runtime: Runtime,
}

impl AdvanceKeys {
    /// Makes the use case over the keys of this store.
    #[must_use]
    pub fn new(keys: Arc<dyn InstanceKeys>, rotation: KeyRotation, runtime: Runtime) -> Self {
        Self { keys, rotation, runtime }
    }

    /// Takes the steps that are due, and returns the keys as they are then, oldest first.
    ///
    /// # Errors
    /// Those of the store. Steps that were taken before stay.
    pub async fn execute(&self) -> Result<Vec<SealedKey>, StoreError> {
        let now = self.runtime.clock.now();
        let keys = self.keys.list_keys().await?;
        let steps = self.rotation.due(&keys, now);
        if steps.is_empty() {
            return Ok(keys);
        }
        for step in &steps {
            // Each step has the same result when it is done twice, so an unknown outcome needs no event.
            run(&self.runtime, None, |_| self.take(step, now)).await?;
        }
        self.keys.list_keys().await
    }

    async fn take(&self, step: &KeyStep, now: Timestamp) -> Result<(), StoreError> {
        match step {
            KeyStep::Activate { id, expires_at } => self.keys.activate_key(id, *expires_at).await.map(|_| ()),
            KeyStep::DeleteExpired => self.keys.delete_expired_keys(now).await.map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests;
