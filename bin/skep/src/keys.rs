//! The keys of the deployment while an instance runs: read again every minute, and taken through their states.

use skep_application::{
    Store,
    kernel::Runtime,
    operations::{AdvanceKeys, KeyRotation},
};
use skep_crypto::{EdDsaTokens, InstanceSecrets, KeyRing, KeyRingError};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The stored keys, and the tokens that use them.
pub(crate) struct Keys {
    store: Arc<dyn Store>,
    secrets: InstanceSecrets,
    runtime: Runtime,
    advance: AdvanceKeys,
    tokens: Arc<EdDsaTokens>,
    /// When the keys were last read, by the monotonic clock.
    read_at: Mutex<Duration>,
}

impl Keys {
    /// Keys that were just read.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        secrets: InstanceSecrets,
        runtime: Runtime,
        token_lifetime: Duration,
        tokens: Arc<EdDsaTokens>,
    ) -> Self {
        let advance = AdvanceKeys::new(store.clone(), KeyRotation::new(token_lifetime), runtime.clone());
        let read_at = Mutex::new(runtime.clock.monotonic());
        Self { store, secrets, runtime, advance, tokens, read_at }
    }

    /// Takes keys through their states, and uses the keys as they are then. After an error, the keys that were read
    /// before stay in use.
    pub(crate) async fn refresh(&self) -> Result<(), KeyRingError> {
        let read_at = self.runtime.clock.monotonic();
        let ring = KeyRing::open(self.advance.execute().await?, &self.secrets)?;
        if ring.renew(&self.tokens)? {
            tracing::info!(?ring, "the keys of access tokens have changed");
        }
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = read_at;
        Ok(())
    }

    /// Stores a next key, unless there is one. Returns whether it was stored.
    pub(crate) async fn rotate(&self) -> Result<bool, KeyRingError> {
        KeyRing::add_next_key(&*self.store, &self.secrets, &self.runtime).await
    }

    /// Seals the keys of the previous secret again, with the current one. Returns their number.
    pub(crate) async fn reseal(&self) -> Result<usize, KeyRingError> {
        KeyRing::reseal(&*self.store, &self.secrets).await
    }

    /// Passes the age of the keys to the recorder of metrics.
    pub(crate) fn record(&self) {
        let read_at = *self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        let age = self.runtime.clock.monotonic().saturating_sub(read_at);
        metrics::gauge!("skep_keys_age_seconds").set(age.as_secs_f64());
    }
}
