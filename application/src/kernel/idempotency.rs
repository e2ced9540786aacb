//! Idempotency keys. A command that is sent twice with one key happens once, and both calls get the same answer.

use super::{Actor, KeptAnswer, StoreError};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use uuid::Uuid;

/// How long a key is kept, in milliseconds: 24 hours.
const KEPT_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A key that the caller chose for one command: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// The text is not an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 255 printable ascii characters")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// The greatest length in characters.
    pub const MAX: usize = 255;

    /// Checks the length and the characters of a key.
    ///
    /// # Errors
    /// [`InvalidIdempotencyKey`].
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let printable = text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if (1..=Self::MAX).contains(&text.len()) && printable {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }

    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The claim of a command on an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// The owner of the key: a user's id, or nil for visitors and Skep itself.
    pub principal: Uuid,
    /// The use case, for example `ordering.place_order`.
    pub use_case: &'static str,
    /// The key that the caller sent.
    pub key: IdempotencyKey,
    /// An HMAC of the whole command.
    pub fingerprint: [u8; 32],
    /// The time of the claim.
    pub now: Timestamp,
}

impl IdempotencyClaim {
    /// Makes the claim of `actor` for `command`, if there is a key. The fingerprint covers all fields, ids included.
    ///
    /// # Errors
    /// `Corrupt` if the command cannot be serialized. All commands of Skep can.
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

    /// The time from which on the key counts as unused.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.now.plus_millis(KEPT_MILLIS)
    }
}

/// The result of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The key is new. Run the command, then store its answer with [`IdempotencyKeys::fill`].
    New,
    /// The same command was already run. This is its answer, as it was kept.
    Replay(KeptAnswer),
    /// Another command was already run with this key.
    Mismatch,
}

/// The keys, inside a unit of work, so that no crash can separate a key from the change that it stands for.
///
/// 1. `claim` is the unit's first statement and `fill` its last. A unit that is undone leaves no key.
/// 2. A parallel claim of the same key waits until the first unit has ended, or fails with `Retry`. Two parallel claims
///    are never both `New`.
/// 3. A key is `New` again after 24 hours.
/// 4. The same text is a separate key for each principal and each use case.
/// 5. An answer comes back in the form in which it was filled in, byte for byte.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait IdempotencyKeys: Send {
    /// Claims the key for this command, unless it was already used.
    async fn claim(&mut self, claim: &IdempotencyClaim) -> Result<Claimed, StoreError>;
    /// Stores the answer with the claimed key.
    async fn fill(&mut self, claim: &IdempotencyClaim, answer: &KeptAnswer) -> Result<(), StoreError>;
    /// Deletes at most `limit` keys that expired at or before `now`, and returns how many.
    async fn sweep(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// Makes fingerprints of commands with a secret key of the deployment, so that a stored fingerprint reveals nothing.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Fingerprints: Send + Sync {
    /// Returns the HMAC-SHA-256 of `command`.
    fn fingerprint(&self, command: &[u8]) -> [u8; 32];
}

#[cfg(test)]
mod tests;
