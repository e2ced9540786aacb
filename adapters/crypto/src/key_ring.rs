//! The keys of a deployment, kept in its store and sealed with the instance secret.

use crate::{EdDsaTokens, HmacFingerprints, InstanceSecrets, SealError, SigningKey, TokenSetupError, VerifyingKey};
use ring::{rand::SystemRandom, signature::Ed25519KeyPair};
use skep_application::{
    kernel::{Runtime, StoreError},
    operations::{InstanceKeys, KeyPurpose, KeyState, SealedKey},
};
use std::fmt;

/// The opened keys. `Debug` never shows them.
pub struct KeyRing {
    signing: SigningKey,
    /// The next key of access tokens and the retired ones, the newest key first.
    verifying: Vec<VerifyingKey>,
    cursor_key: [u8; 32],
    fingerprint_key: [u8; 32],
}

/// Why the keys of a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The store belongs to instances with another secret.
    #[error("this store's keys are sealed with another instance secret")]
    OtherSecret,
    /// A stored key cannot be opened or has no valid content.
    #[error("key {id} of this store cannot be used: {reason}")]
    Unusable {
        /// The id of the stored key.
        id: String,
        /// Why the key cannot be opened.
        reason: SealError,
    },
    /// The previous secret has sealed a key. A next key would have the current secret, and an instance that knows only
    /// the previous one could then no longer read the keys.
    #[error("key {id} of this store is sealed with the previous secret: run `skep keys reseal` first")]
    PreviousSecret {
        /// The id of the stored key.
        id: String,
    },
    /// No key could be generated, because there is no randomness.
    #[error("no {} key could be generated", purpose.name())]
    Generate {
        /// The purpose of the key.
        purpose: KeyPurpose,
    },
    /// The store has no active key of this purpose, or does not list the one that was stored.
    #[error("the store has no active {} key", purpose.name())]
    Missing {
        /// The purpose of the key.
        purpose: KeyPurpose,
    },
    /// The keys of access tokens cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokenSetupError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl KeyRing {
    /// Loads the keys of the store. Missing keys are generated and stored first. Instances that start at the same time
    /// end with the same keys.
    ///
    /// # Errors
    /// [`KeyRingError`]. Nothing is added to a store that belongs to another secret.
    pub async fn load_or_create(
        keys: &dyn InstanceKeys,
        secrets: &InstanceSecrets,
        runtime: &Runtime,
    ) -> Result<Self, KeyRingError> {
        let mut opened = open_all(keys.list_keys().await?, secrets)?;
        // All instances add keys in the order of the purposes, and open the stored ones before they add the next. So
        // two instances with different secrets never leave keys of both in a store.
        for &purpose in KeyPurpose::ALL {
            if !opened.iter().any(|key| key.purpose == purpose && key.state == KeyState::Active) {
                keys.insert_key(&new_key(purpose, KeyState::Active, secrets, runtime)?).await?;
                opened = open_all(keys.list_keys().await?, secrets)?;
            }
        }
        Self::of(&opened)
    }

    /// Opens stored keys.
    ///
    /// # Errors
    /// [`KeyRingError`]. `Missing` if a purpose has no active key.
    pub fn open(stored: Vec<SealedKey>, secrets: &InstanceSecrets) -> Result<Self, KeyRingError> {
        Self::of(&open_all(stored, secrets)?)
    }

    /// Stores a key that will sign access tokens in place of the active one, unless there is one already. Returns
    /// whether it was stored. [`AdvanceKeys`](skep_application::operations::AdvanceKeys) activates it later.
    ///
    /// # Errors
    /// [`KeyRingError`]. Nothing is added to a store that belongs to another secret, or in which a key has to be sealed
    /// again ([`KeyRing::reseal`]).
    pub async fn add_next_key(
        keys: &dyn InstanceKeys,
        secrets: &InstanceSecrets,
        runtime: &Runtime,
    ) -> Result<bool, KeyRingError> {
        let stored = keys.list_keys().await?;
        // A key of another secret would stop every instance.
        Self::open(stored.clone(), secrets)?;
        for key in stored {
            match secrets.has_sealed_now(&key.sealed) {
                Ok(true) => {}
                Ok(false) => return Err(KeyRingError::PreviousSecret { id: key.id }),
                Err(reason) => return Err(KeyRingError::Unusable { id: key.id, reason }),
            }
        }
        let next = new_key(KeyPurpose::AccessTokens, KeyState::Next, secrets, runtime)?;
        Ok(keys.insert_key(&next).await?)
    }

    /// Seals the keys of the previous secret again, with the current one. Returns the number of keys that this call has
    /// sealed.
    ///
    /// # Errors
    /// [`KeyRingError`]. Keys that were sealed before it stay so; the next call seals the others.
    pub async fn reseal(keys: &dyn InstanceKeys, secrets: &InstanceSecrets) -> Result<usize, KeyRingError> {
        let mut count = 0;
        for key in keys.list_keys().await? {
            let unusable = |reason| KeyRingError::Unusable { id: key.id.clone(), reason };
            if secrets.has_sealed_now(&key.sealed).map_err(unusable)? {
                continue;
            }
            let material = open(key.clone(), secrets)?.material;
            let sealed = secrets.seal(&context(key.purpose, &key.id), &material).map_err(unusable)?;
            count += usize::from(keys.reseal_key(&key.id, &key.sealed, &sealed).await?);
        }
        Ok(count)
    }

    fn of(opened: &[OpenedKey]) -> Result<Self, KeyRingError> {
        let (mut signing, mut verifying) = (None, Vec::new());
        for key in opened.iter().rev().filter(|key| key.purpose == KeyPurpose::AccessTokens) {
            let pair = SigningKey::from_pkcs8(key.id.clone(), &key.material).map_err(|_| damaged(&key.id))?;
            match key.state {
                KeyState::Active => signing = Some(pair),
                KeyState::Next | KeyState::Retired { .. } => {
                    verifying.push(pair.verifying_key(key.state.expires_at()));
                }
            }
        }
        Ok(Self {
            signing: signing.ok_or(KeyRingError::Missing { purpose: KeyPurpose::AccessTokens })?,
            verifying,
            cursor_key: active(opened, KeyPurpose::Cursors)?,
            fingerprint_key: active(opened, KeyPurpose::Fingerprints)?,
        })
    }

    /// Access tokens with this issuer and audience. The active key signs. It verifies, and so do the next key and the
    /// retired keys until they expire.
    ///
    /// # Errors
    /// [`TokenSetupError`] if a test token cannot be signed and verified.
    pub fn tokens(
        &self,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<EdDsaTokens, TokenSetupError> {
        EdDsaTokens::new(issuer, audience, self.signing.clone(), &self.verifying)
    }

    /// Replaces the keys of these tokens. Returns whether anything has changed.
    ///
    /// # Errors
    /// [`TokenSetupError`] if a test token cannot be signed and verified. Then the keys stay as they are.
    pub fn renew(&self, tokens: &EdDsaTokens) -> Result<bool, TokenSetupError> {
        tokens.replace_keys(self.signing.clone(), &self.verifying)
    }

    /// The fingerprints of commands, with the active key for them.
    #[must_use]
    pub fn fingerprints(&self) -> HmacFingerprints {
        HmacFingerprints::new(&self.fingerprint_key)
    }

    /// The active key that authenticates cursors.
    #[must_use]
    pub const fn cursor_key(&self) -> [u8; 32] {
        self.cursor_key
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("signing", &self.signing)
            .field("verifying", &self.verifying)
            .finish_non_exhaustive()
    }
}

struct OpenedKey {
    id: String,
    purpose: KeyPurpose,
    state: KeyState,
    material: Vec<u8>,
}

fn open_all(stored: Vec<SealedKey>, secrets: &InstanceSecrets) -> Result<Vec<OpenedKey>, KeyRingError> {
    stored.into_iter().map(|key| open(key, secrets)).collect()
}

fn open(key: SealedKey, secrets: &InstanceSecrets) -> Result<OpenedKey, KeyRingError> {
    match secrets.open(&context(key.purpose, &key.id), &key.sealed) {
        Ok(material) => Ok(OpenedKey { id: key.id, purpose: key.purpose, state: key.state, material }),
        Err(SealError::WrongSecret) => Err(KeyRingError::OtherSecret),
        Err(reason) => Err(KeyRingError::Unusable { id: key.id, reason }),
    }
}

fn damaged(id: &str) -> KeyRingError {
    KeyRingError::Unusable { id: id.to_owned(), reason: SealError::Damaged }
}

fn new_key(
    purpose: KeyPurpose,
    state: KeyState,
    secrets: &InstanceSecrets,
    runtime: &Runtime,
) -> Result<SealedKey, KeyRingError> {
    let id = runtime.ids.next().to_string();
    let sealed = match purpose {
        KeyPurpose::AccessTokens => Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| SealError::Failed)
            .and_then(|document| secrets.seal(&context(purpose, &id), document.as_ref())),
        KeyPurpose::Cursors | KeyPurpose::Fingerprints => {
            secrets.seal(&context(purpose, &id), &runtime.random.secret())
        }
    };
    let sealed = sealed.map_err(|_| KeyRingError::Generate { purpose })?;
    Ok(SealedKey { id, purpose, state, sealed, created_at: runtime.clock.now() })
}

/// Binds a sealed key to its id and its purpose.
fn context(purpose: KeyPurpose, id: &str) -> String {
    format!("skep instance key|{}|{id}", purpose.name())
}

fn active(opened: &[OpenedKey], purpose: KeyPurpose) -> Result<[u8; 32], KeyRingError> {
    let mut of_purpose = opened.iter().filter(|key| key.purpose == purpose);
    let key = of_purpose.find(|key| key.state == KeyState::Active).ok_or(KeyRingError::Missing { purpose })?;
    key.material.as_slice().try_into().map_err(|_| damaged(&key.id))
}

#[cfg(test)]
mod tests;
