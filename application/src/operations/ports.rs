//! The ports of operations.

use super::Migrations;
use crate::kernel::{Begin, OutboxQueries, StoreError, UnitOfWork};
use async_trait::async_trait;
use skep_domain::shared::{Timestamp, named};

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

named! {
    /// What a key of this deployment is for. The name is stored.
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
    /// start at once, one gets `true`.
    async fn insert_first_key(&self, key: &SealedKey) -> Result<bool, StoreError>;
}

/// Everything that a store does whatever the context.
pub trait OperationsStore: Begin<dyn UnitOfWork> + OutboxQueries + InstanceKeys + Migrations + StoreHealth {}

impl<S: Begin<dyn UnitOfWork> + OutboxQueries + InstanceKeys + Migrations + StoreHealth> OperationsStore for S {}
