//! Idempotency keys: a command that is sent twice with one key happens once and gets one answer.

use super::{Actor, StoreError};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use uuid::Uuid;

/// How long a key is kept: 24 h, in milliseconds.
const KEPT_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A key that the caller made up for one command: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// The text is not an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 255 printable ascii characters")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// Reads a key.
    ///
    /// # Errors
    /// [`InvalidIdempotencyKey`].
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let printable = text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if (1..=255).contains(&text.len()) && printable {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The claim of one command on one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// The owner of the key: a user's id, or nil.
    pub principal: Uuid,
    /// The use case, for example `ordering.place_order`.
    pub use_case: &'static str,
    /// The key.
    pub key: IdempotencyKey,
    /// An HMAC over the whole command.
    pub fingerprint: [u8; 32],
    /// When it is claimed.
    pub now: Timestamp,
}

impl IdempotencyClaim {
    /// The claim of `actor` for `command`, if it has a key. `command` is serialized whole, ids included.
    ///
    /// # Errors
    /// `Corrupt` if the command cannot be serialized, which no command of ours does.
    pub fn of(
        actor: &Actor,
        use_case: &'static str,
        key: Option<&IdempotencyKey>,
        command: &impl serde::Serialize,
        fingerprints: &dyn Fingerprints,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let Some(key) = key else { return Ok(None) };
        let bytes = serde_json::to_vec(command).map_err(StoreError::unreadable)?;
        let fingerprint = fingerprints.fingerprint(&bytes);
        Ok(Some(Self { principal: actor.principal_id(), use_case, key: key.clone(), fingerprint, now }))
    }

    /// From when on the key is forgotten.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.now.plus_millis(KEPT_MILLIS)
    }
}

/// What a claim found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The key is new: go on, and [`IdempotencyKeys::fill`] it with the answer.
    New,
    /// The same command was carried out: this is its answer, byte for byte.
    Replay(String),
    /// Another command was carried out with this key.
    Mismatch,
}

/// The keys, inside a unit of work, so that no crash can part a key from the change it stands for.
///
/// 1. `claim` is the unit's first statement and `fill` its last; a unit that is undone leaves no key.
/// 2. A parallel claim of the same key waits until the first unit is over, or fails with `Retry`; it is never `New` too.
/// 3. A key whose 24 h are over is `New` again.
/// 4. Keys of other principals and other use cases are other keys.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait IdempotencyKeys: Send {
    /// Claims the key.
    async fn claim(&mut self, claim: &IdempotencyClaim) -> Result<Claimed, StoreError>;
    /// Keeps the answer with the claimed key.
    async fn fill(&mut self, claim: &IdempotencyClaim, answer: &str) -> Result<(), StoreError>;
    /// Forgets at most `limit` keys that expired at or before `now`; answers how many.
    async fn sweep(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// Makes fingerprints of commands, with a key of this deployment, so that a stored fingerprint tells nothing.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Fingerprints: Send + Sync {
    /// An HMAC-SHA-256.
    fn fingerprint(&self, command: &[u8]) -> [u8; 32];
}

#[cfg(test)]
mod tests;
