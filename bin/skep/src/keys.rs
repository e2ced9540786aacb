//! The keys of the deployment while an instance runs: read again every minute, and taken through their states.

use crate::{data_dir::Secrets, fields::Fields};
use skep_application::{
    Store,
    kernel::Runtime,
    operations::{AdvanceKeys, KeyRotation},
};
use skep_crypto::{EdDsaTokens, FieldKeyError, InstanceSecrets, KeyRing, KeyRingError};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The keys of the deployment, and the access tokens that use them.
pub struct Keys {
    /// The keys of sealed fields.
    pub fields: Fields,
    store: Arc<dyn Store>,
    secrets: InstanceSecrets,
    runtime: Runtime,
    advance: AdvanceKeys,
    tokens: Arc<EdDsaTokens>,
    /// When the keys were last read, by the monotonic clock.
    read_at: Mutex<Duration>,
}

/// Why the keys were not read again.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The keys of access tokens.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
    /// The keys of sealed fields.
    #[error(transparent)]
    Fields(#[from] FieldKeyError),
}

/// Loads the keys of the store, or makes those that are missing.
pub(crate) async fn open(
    store: &Arc<dyn Store>,
    secrets: &Secrets,
    runtime: &Runtime,
) -> Result<(KeyRing, Fields), RefreshError> {
    let ring = KeyRing::load_or_create(&**store, &secrets.instances, runtime).await?;
    Ok((ring, Fields::open(store.clone(), secrets.fields.clone(), runtime.clone()).await?))
}

impl Keys {
    /// Keys that were just read.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        secrets: Secrets,
        runtime: Runtime,
        token_lifetime: Duration,
        tokens: Arc<EdDsaTokens>,
        fields: Fields,
    ) -> Self {
        let Secrets { instances: secrets, .. } = secrets;
        let advance = AdvanceKeys::new(store.clone(), KeyRotation::new(token_lifetime), runtime.clone());
        let read_at = Mutex::new(runtime.clock.monotonic());
        Self { fields, store, secrets, runtime, advance, tokens, read_at }
    }

    /// Reads the keys again, and takes those through their states whose time has come. `skep serve` calls it every
    /// minute. Your program does the same, so that it knows the keys of other instances in time.
    ///
    /// # Errors
    /// [`RefreshError`]. The keys that were read before stay in use.
    pub async fn refresh(&self) -> Result<(), RefreshError> {
        let read_at = self.runtime.clock.monotonic();
        // Values may name new keys of fields, whatever is wrong with other keys.
        let fields = self.fields.refresh().await;
        let keys = self.advance.execute().await.map_err(KeyRingError::from)?;
        let ring = KeyRing::open(keys, &self.secrets)?;
        if ring.renew(&self.tokens).map_err(KeyRingError::from)? {
            tracing::info!(?ring, "the keys of access tokens have changed");
        }
        fields?;
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
