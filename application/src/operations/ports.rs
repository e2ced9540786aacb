//! The ports of operations.

use crate::kernel::{Begin, OutboxQueries, StoreError, UnitOfWork};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;

/// One step of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Counts from 1.
    pub number: i64,
    /// What it does, in `snake_case`.
    pub name: String,
    /// When it was applied to this store, if it was.
    pub applied_at: Option<Timestamp>,
}

/// Why the schema cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The store was migrated by a newer Skep: this one must not touch it.
    #[error("the store has schema {found}, this program knows up to {known}; run a newer one")]
    Newer {
        /// The greatest number applied.
        found: i64,
        /// The greatest number known.
        known: i64,
    },
    /// A step failed; the ones before it stay applied.
    #[error("migration {number} {name} failed")]
    Failed {
        /// The step.
        number: i64,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Moves the schema of a store. Safe when several instances start at once: one moves, the others wait and find it done.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Migrations: Send + Sync {
    /// Applies every step that is missing, in order; answers those it applied.
    async fn up(&self) -> Result<Vec<MigrationStatus>, MigrationError>;
    /// Takes back the last `steps` steps, newest first, with all data in what they made; answers those it took back.
    async fn down(&self, steps: u32) -> Result<Vec<MigrationStatus>, MigrationError>;
    /// Every step that this program knows, in order.
    async fn status(&self) -> Result<Vec<MigrationStatus>, MigrationError>;
}

/// Tells whether a store can be used now.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Answers within 2 s.
    ///
    /// # Errors
    /// Why the store cannot be used.
    async fn check(&self) -> Result<(), StoreError>;
}

/// What a key of this deployment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Signs access tokens (Ed25519).
    AccessTokens,
    /// Authenticates cursors (HMAC).
    Cursors,
    /// Fingerprints commands (HMAC).
    Fingerprints,
}

impl KeyPurpose {
    /// Every purpose.
    pub const ALL: &[Self] = &[Self::AccessTokens, Self::Cursors, Self::Fingerprints];

    /// The name, as stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessTokens => "access_tokens",
            Self::Cursors => "cursors",
            Self::Fingerprints => "fingerprints",
        }
    }

    /// The purpose of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|purpose| purpose.name() == name)
    }
}

/// A key of this deployment, sealed with the secret of its instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Names the key, for example in the `kid` of a token: at most 64 characters.
    pub id: String,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// The key material, encrypted and authenticated.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The keys of this deployment, shared by its instances through the store.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait InstanceKeys: Send + Sync {
    /// Every key, oldest first.
    async fn list_keys(&self) -> Result<Vec<SealedKey>, StoreError>;
    /// Keeps the key unless there is one of its purpose already; answers whether it was kept. Of several instances that
    /// start at once, one is told `true`.
    async fn insert_first_key(&self, key: &SealedKey) -> Result<bool, StoreError>;
}

/// Everything that a store does whatever the context.
pub trait OperationsStore: Begin<dyn UnitOfWork> + OutboxQueries + InstanceKeys + Migrations + StoreHealth {}

impl<S: Begin<dyn UnitOfWork> + OutboxQueries + InstanceKeys + Migrations + StoreHealth> OperationsStore for S {}
