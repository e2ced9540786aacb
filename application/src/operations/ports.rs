//! The ports of operations.

use super::{FieldKeys, Migrations, SealedFields};
use crate::kernel::{Begin, OutboxQueries, StoreError, UnitOfWork};
use async_trait::async_trait;
use skep_domain::shared::{Timestamp, named};

/// What a program is about to do with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreUse {
    /// Read and write data. The schema is complete.
    Serve,
    /// Apply missing migrations, and then serve.
    Migrate,
}

/// A property of a store or its server that an operator has to change, or should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// Whether the intended use would fail.
    pub is_fatal: bool,
    /// What is wrong. Never contains a secret.
    pub text: String,
    /// What to do about it.
    pub remedy: String,
}

impl Defect {
    /// A defect with which the intended use would fail.
    #[must_use]
    pub fn fatal(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { is_fatal: true, text: text.into(), remedy: remedy.into() }
    }

    /// A defect with which the store works, but does less than it promises.
    #[must_use]
    pub fn minor(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { is_fatal: false, text: text.into(), remedy: remedy.into() }
    }
}

/// Checks whether a store is usable.
///
/// 1. `inspect` finds no fatal defect in a store that can be migrated, read and written.
/// 2. `inspect` changes nothing.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Returns `Ok` if the store is usable. Takes at most 2 s.
    ///
    /// # Errors
    /// The reason why the store is not usable.
    async fn check(&self) -> Result<(), StoreError>;
    /// Looks for reasons why this use would fail although the store answers, such as a missing right, a server that takes
    /// no writes, or an encoding that cannot store every text.
    ///
    /// # Errors
    /// The store does not answer.
    async fn inspect(&self, usage: StoreUse) -> Result<Vec<Defect>, StoreError>;
}

named! {
    /// The purposes of the keys of this deployment. Stores keep the name.
    KeyPurpose {
        /// Signs access tokens (Ed25519).
        AccessTokens = "access_tokens",
        /// Authenticates cursors (HMAC).
        Cursors = "cursors",
        /// Fingerprints commands (HMAC).
        Fingerprints = "fingerprints",
    }
}

/// The state of a key. It goes from next to active and from active to retired, and never back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, but not used yet, so that all instances and all clients know the key before it is used.
    Next,
    /// In use: it signs new tokens, or authenticates new cursors.
    Active,
    /// Replaced by another key. It only verifies what it has signed.
    Retired {
        /// The time from which on the key verifies nothing and may be deleted.
        expires_at: Timestamp,
    },
}

impl KeyState {
    /// The name, as stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired { .. } => "retired",
        }
    }

    /// The time from which on a retired key verifies nothing.
    #[must_use]
    pub const fn expires_at(self) -> Option<Timestamp> {
        match self {
            Self::Next | Self::Active => None,
            Self::Retired { expires_at } => Some(expires_at),
        }
    }

    /// The state with this name. A retired key has a time, and no other key has one.
    #[must_use]
    pub fn from_parts(name: &str, expires_at: Option<Timestamp>) -> Option<Self> {
        match (name, expires_at) {
            ("next", None) => Some(Self::Next),
            ("active", None) => Some(Self::Active),
            ("retired", Some(expires_at)) => Some(Self::Retired { expires_at }),
            _ => None,
        }
    }
}

/// A key of this deployment, sealed with the secret of its instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Identifies the key, for example in the `kid` of a token. At most 64 characters.
    pub id: String,
    /// The only use of the key.
    pub purpose: KeyPurpose,
    /// Whether the key waits, is used, or only verifies.
    pub state: KeyState,
    /// The key material, encrypted and authenticated. It names the secret that opens it.
    pub sealed: Vec<u8>,
    /// When the key was generated.
    pub created_at: Timestamp,
}

/// The keys of this deployment, shared by its instances through the store.
///
/// 1. A purpose has at most one active key and at most one next key. If several instances insert such a key at once,
///    exactly one gets `true`.
/// 2. `activate_key` retires the active key of the purpose and activates the next one, both or neither. If several
///    instances activate a key at once, at most one gets `true`, and the others `false` or `Retry`.
/// 3. `reseal_key` changes the content of a key only if it is still the one that was read.
/// 4. `delete_expired_keys` deletes only retired keys that expired at or before `until`.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait InstanceKeys: Send + Sync {
    /// All keys, oldest first.
    async fn list_keys(&self) -> Result<Vec<SealedKey>, StoreError>;
    /// Stores the key unless its purpose has a key in the same state, and returns whether it was stored. Any number of
    /// keys may be retired. If this rule allows the key but its id is taken, returns `Duplicate` of
    /// `INSTANCE_KEY_ID`.
    async fn insert_key(&self, key: &SealedKey) -> Result<bool, StoreError>;
    /// Activates the next key with this id in place of the active key of its purpose, which retires and expires at
    /// `expires_at`. Returns `false`, and changes nothing, if there is no such next key or no active key.
    async fn activate_key(&self, id: &str, expires_at: Timestamp) -> Result<bool, StoreError>;
    /// Replaces the sealed content `from` of the key with this id by `to`. Returns `false`, and changes nothing, if the
    /// key does not exist or has another content.
    async fn reseal_key(&self, id: &str, from: &[u8], to: &[u8]) -> Result<bool, StoreError>;
    /// Deletes the retired keys that expired at or before `until`, and returns how many.
    async fn delete_expired_keys(&self, until: Timestamp) -> Result<u64, StoreError>;
}

/// The ports of a store that belong to no other context.
pub trait OperationsStore:
    Begin<dyn UnitOfWork> + OutboxQueries + InstanceKeys + FieldKeys + SealedFields + Migrations + StoreHealth
{
}

impl<S: Begin<dyn UnitOfWork> + OutboxQueries + InstanceKeys + FieldKeys + SealedFields + Migrations + StoreHealth>
    OperationsStore for S
{
}
