//! The ports of operations.

use super::Migrations;
use crate::kernel::{Begin, OutboxQueries, StoreError, UnitOfWork};
use async_trait::async_trait;
use skep_domain::shared::{Timestamp, named};

/// Checks whether a store is usable.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Returns `Ok` if the store is usable. Takes at most 2 s.
    ///
    /// # Errors
    /// The reason why the store is not usable.
    async fn check(&self) -> Result<(), StoreError>;
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

/// A key of this deployment, sealed with the secret of its instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Identifies the key, for example in the `kid` of a token. At most 64 characters.
    pub id: String,
    /// The only use of the key.
    pub purpose: KeyPurpose,
    /// The key material, encrypted and authenticated.
    pub sealed: Vec<u8>,
    /// When the key was generated.
    pub created_at: Timestamp,
}

/// The keys of this deployment, shared by its instances through the store.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait InstanceKeys: Send + Sync {
    /// All keys, oldest first.
    async fn list_keys(&self) -> Result<Vec<SealedKey>, StoreError>;
    /// Stores the key unless a key of the same purpose exists, and returns whether it was stored. If several instances
    /// start at once, exactly one gets `true`.
    async fn insert_first_key(&self, key: &SealedKey) -> Result<bool, StoreError>;
}

/// The ports of a store that belong to no other context.
pub trait OperationsStore: Begin<dyn UnitOfWork> + OutboxQueries + InstanceKeys + Migrations + StoreHealth {}

impl<S: Begin<dyn UnitOfWork> + OutboxQueries + InstanceKeys + Migrations + StoreHealth> OperationsStore for S {}
