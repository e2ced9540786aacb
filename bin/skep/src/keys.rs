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

/// The keys of the deployment, and the access tokens that use them.
pub struct Keys {
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

    /// Reads the keys again, and takes those through their states whose time has come. `skep serve` calls it every
    /// minute. Your program does the same, so that it knows the keys of other instances in time.
    ///
    /// # Errors
    /// [`KeyRingError`]. The keys that were read before stay in use.
    pub async fn refresh(&self) -> Result<(), KeyRingError> {
        let read_at = self.runtime.clock.monotonic();
        let ring = KeyRing::open(self.advance.execute().await?, &self.secrets)?;
        if ring.renew(&self.tokens)? {
            tracing::info!(?ring, "the keys of access tokens have changed");
        }
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = read_at;
        Ok(())
    }

    /// Stores a key that will sign access tokens in place of the active one, unless one waits already. Returns whether
    /// it was stored. [`Keys::refresh`] activates it after ten minutes.
    ///
    /// # Errors
    /// [`KeyRingError`].
    pub async fn rotate(&self) -> Result<bool, KeyRingError> {
        KeyRing::add_next_key(&*self.store, &self.secrets, &self.runtime).await
    }

    /// Seals the keys of the previous secret again, with the current one. Returns their number.
    ///
    /// # Errors
    /// [`KeyRingError`].
    pub async fn reseal(&self) -> Result<usize, KeyRingError> {
        KeyRing::reseal(&*self.store, &self.secrets).await
    }

    /// Passes the age of the keys to the recorder of metrics.
    pub(crate) fn record(&self) {
        let read_at = *self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        let age = self.runtime.clock.monotonic().saturating_sub(read_at);
        metrics::gauge!("skep_keys_age_seconds").set(age.as_secs_f64());
    }
}
