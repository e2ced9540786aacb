//! Shared helpers of this crate's tests.

use async_trait::async_trait;
use skep_application::{
    kernel::{Random, Runtime, StoreError},
    operations::{FieldKey, FieldKeys, InstanceKeys, KeyPurpose, KeyState, SealedKey},
    testing::fixed_runtime,
};
use skep_domain::shared::Timestamp;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// A counter in place of randomness.
#[derive(Default)]
pub(crate) struct CountingRandom(AtomicU64);

impl Random for CountingRandom {
    fn bits(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    fn secret(&self) -> [u8; 32] {
        let mut secret = [7; 32];
        for chunk in secret.chunks_mut(8) {
            // Odd and spread over all bits, like a real secret.
            chunk.copy_from_slice(&(self.bits() + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        }
        secret
    }
}

/// A runtime with counted ids and randomness, and a clock that stands still.
pub(crate) fn runtime() -> Runtime {
    let (runtime, _) = fixed_runtime();
    Runtime { random: Arc::new(CountingRandom::default()), ..runtime }
}

/// Keys in memory, with the faults that a store may have.
#[derive(Default)]
pub(crate) struct MemoryKeys {
    keys: Mutex<Vec<SealedKey>>,
    another: Mutex<Option<SealedKey>>,
    away: AtomicBool,
    forgets: AtomicBool,
}

impl MemoryKeys {
    /// Stores this key just before the next insert, as another instance would.
    pub(crate) fn let_another_insert_first(&self, key: SealedKey) {
        *self.another.lock().unwrap() = Some(key);
    }

    pub(crate) fn push(&self, key: SealedKey) {
        self.keys.lock().unwrap().push(key);
    }

    pub(crate) fn remove(&self, purpose: KeyPurpose) {
        self.keys.lock().unwrap().retain(|key| key.purpose != purpose);
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Vec<SealedKey>)) {
        change(&mut self.keys.lock().unwrap());
    }

    pub(crate) fn fail(&self) {
        self.away.store(true, Ordering::SeqCst);
    }

    pub(crate) fn forget_inserts(&self) {
        self.forgets.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl InstanceKeys for MemoryKeys {
    async fn list_keys(&self) -> Result<Vec<SealedKey>, StoreError> {
        // Lets other instances run in between.
        tokio::task::yield_now().await;
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("away".into()));
        }
        Ok(self.keys.lock().unwrap().clone())
    }

    async fn insert_key(&self, key: &SealedKey) -> Result<bool, StoreError> {
        tokio::task::yield_now().await;
        let mut keys = self.keys.lock().unwrap();
        keys.extend(self.another.lock().unwrap().take());
        if keys.iter().any(|kept| (kept.purpose, kept.state) == (key.purpose, key.state)) {
            return Ok(false);
        }
        if !self.forgets.load(Ordering::SeqCst) {
            keys.push(key.clone());
        }
        Ok(true)
    }

    async fn activate_key(&self, id: &str, expires_at: Timestamp) -> Result<bool, StoreError> {
        let mut keys = self.keys.lock().unwrap();
        let purpose = keys.iter().find(|key| key.id == id && key.state == KeyState::Next).map(|key| key.purpose);
        for key in keys.iter_mut().filter(|key| Some(key.purpose) == purpose) {
            match key.state {
                KeyState::Active => key.state = KeyState::Retired { expires_at },
                KeyState::Next => key.state = KeyState::Active,
                KeyState::Retired { .. } => {}
            }
        }
        Ok(purpose.is_some())
    }

    async fn reseal_key(&self, id: &str, from: &[u8], to: &[u8]) -> Result<bool, StoreError> {
        let mut keys = self.keys.lock().unwrap();
        let key = keys.iter_mut().find(|key| key.id == id && key.sealed == from);
        Ok(key.map(|key| key.sealed = to.to_vec()).is_some())
    }

    async fn delete_expired_keys(&self, until: Timestamp) -> Result<u64, StoreError> {
        let mut keys = self.keys.lock().unwrap();
        let before = keys.len();
        keys.retain(|key| key.state.expires_at().is_none_or(|expires_at| expires_at > until));
        Ok((before - keys.len()) as u64)
    }
}

/// Keys of sealed fields in memory.
#[derive(Default)]
pub(crate) struct MemoryFieldKeys(Mutex<Vec<FieldKey>>);

impl MemoryFieldKeys {
    /// Stores a key, whatever its number is.
    pub(crate) fn push_copy_of(&self, key: &FieldKey) {
        self.0.lock().unwrap().push(key.clone());
    }
}

#[async_trait]
impl FieldKeys for MemoryFieldKeys {
    async fn list_field_keys(&self) -> Result<Vec<FieldKey>, StoreError> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn insert_field_key(&self, key: &FieldKey) -> Result<bool, StoreError> {
        let mut keys = self.0.lock().unwrap();
        let is_free = keys.iter().all(|kept| kept.number != key.number);
        if is_free {
            keys.push(key.clone());
        }
        Ok(is_free)
    }

    async fn rewrap_field_key(&self, id: &str, from: &[u8], to: &[u8]) -> Result<bool, StoreError> {
        let mut keys = self.0.lock().unwrap();
        let key = keys.iter_mut().find(|key| key.id == id && key.wrapped == from);
        Ok(key.map(|key| key.wrapped = to.to_vec()).is_some())
    }
}
