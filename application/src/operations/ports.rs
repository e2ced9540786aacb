//! The ports of operations.

use super::Migrations;
use crate::{
    catalog::{CatalogTx, ProductQueries, StockQueries},
    identity::{IdentityTx, SessionQueries, SessionRepository, UserQueries},
    kernel::{Begin, IdempotencyKeys, OutboxQueries, StoreError, Transaction},
    ordering::{OrderQueries, OrderingTx},
};
use async_trait::async_trait;
use skep_domain::shared::Timestamp;
use std::time::Duration;

/// All that sweeping may touch.
pub trait OperationsTx: Transaction {
    /// The log-ins.
    fn sessions(&mut self) -> &mut dyn SessionRepository;
    /// The idempotency keys.
    fn idempotency(&mut self) -> &mut dyn IdempotencyKeys;
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

/// How often something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// So many times at once, and in every `period` on average.
    pub burst: u32,
    /// How long it takes to earn `burst` times anew.
    pub period: Duration,
}

/// What a limit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may be done now. If not, nothing was taken.
    pub allowed: bool,
    /// How many more times at once.
    pub remaining: u32,
    /// When it may be done again; zero if it may be done at once.
    pub retry_after: Duration,
    /// When the whole burst is there again.
    pub reset_after: Duration,
}

/// Counts how often things are done, by the generic cell rate algorithm (a bucket that leaks at an even pace).
///
/// 1. Of any number of calls at once with one key, exactly `burst` are allowed, then one every `period / burst`.
/// 2. Keys do not touch each other; a refused call takes nothing.
/// 3. Time is the limiter's own; keys that are full again are forgotten.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RateLimits: Send + Sync {
    /// Takes one from the bucket of `key`.
    ///
    /// # Errors
    /// `Unavailable` if the shared counter cannot be asked; the caller decides what then.
    async fn take(&self, key: &str, limit: Limit) -> Result<Verdict, StoreError>;
}

/// Everything that one store does, as the composition root hands it out; upcasts to each part.
pub trait Store:
    Begin<dyn IdentityTx>
    + Begin<dyn CatalogTx>
    + Begin<dyn OrderingTx>
    + Begin<dyn OperationsTx>
    + UserQueries
    + SessionQueries
    + ProductQueries
    + StockQueries
    + OrderQueries
    + OutboxQueries
    + InstanceKeys
    + Migrations
    + StoreHealth
{
}

impl<T> Store for T where
    T: Begin<dyn IdentityTx>
        + Begin<dyn CatalogTx>
        + Begin<dyn OrderingTx>
        + Begin<dyn OperationsTx>
        + UserQueries
        + SessionQueries
        + ProductQueries
        + StockQueries
        + OrderQueries
        + OutboxQueries
        + InstanceKeys
        + Migrations
        + StoreHealth
{
}
