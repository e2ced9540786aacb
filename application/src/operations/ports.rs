//! The ports of operations.

use super::Migrations;
use crate::kernel::{Begin, OutboxQueries, StoreError, UnitOfWork};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;

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
