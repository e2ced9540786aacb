//! The keys of a deployment, kept in its store and sealed with the instance secret.

use crate::{EdDsaTokens, HmacFingerprints, InstanceSecret, SealError, SigningKey, TokenSetupError, VerifyingKey};
use ring::{rand::SystemRandom, signature::Ed25519KeyPair};
use skep_application::{
    kernel::{Runtime, StoreError},
    operations::{InstanceKeys, KeyPurpose, SealedKey},
};
use std::fmt;

/// The opened keys. `Debug` never shows them.
pub struct KeyRing {
    signing: SigningKey,
    /// The newest key is first.
    older: Vec<VerifyingKey>,
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
    /// No key could be generated, because there is no randomness.
    #[error("no {} key could be generated", purpose.name())]
    Generate {
        /// The purpose of the key.
        purpose: KeyPurpose,
    },
    /// A key was stored, but the store does not list it.
    #[error("the store does not list the {} key that was stored in it", purpose.name())]
    Vanished {
        /// The purpose of the key.
        purpose: KeyPurpose,
    },
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
        secret: &InstanceSecret,
        runtime: &Runtime,
    ) -> Result<Self, KeyRingError> {
        let mut opened = open_all(keys, secret).await?;
        // All instances add keys in the order of the purposes, and open the stored ones before they add the next. So
        // two instances with different secrets never leave keys of both in a store.
        for &purpose in KeyPurpose::ALL {
            if !opened.iter().any(|key| key.purpose == purpose) {
                keys.insert_first_key(&new_key(purpose, secret, runtime)?).await?;
                opened = open_all(keys, secret).await?;
            }
        }
        Self::of(&opened)
    }

    fn of(opened: &[OpenedKey]) -> Result<Self, KeyRingError> {
        let mut token_keys = Vec::new();
        for key in opened.iter().filter(|key| key.purpose == KeyPurpose::AccessTokens) {
            token_keys.push(SigningKey::from_pkcs8(key.id.clone(), &key.material).map_err(|_| damaged(&key.id))?);
        }
        let signing = token_keys.pop().ok_or(KeyRingError::Vanished { purpose: KeyPurpose::AccessTokens })?;
        Ok(Self {
            signing,
            older: token_keys.iter().rev().map(SigningKey::verifying_key).collect(),
            cursor_key: newest(opened, KeyPurpose::Cursors)?,
            fingerprint_key: newest(opened, KeyPurpose::Fingerprints)?,
        })
    }

    /// Access tokens with this issuer and audience. The newest key signs, and every key verifies.
    ///
    /// # Errors
    /// [`TokenSetupError`] if a test token cannot be signed and verified.
    pub fn tokens(
        &self,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<EdDsaTokens, TokenSetupError> {
        EdDsaTokens::new(issuer, audience, self.signing.clone(), &self.older)
    }

    /// The fingerprints of commands, with the newest key for them.
    #[must_use]
    pub fn fingerprints(&self) -> HmacFingerprints {
        HmacFingerprints::new(&self.fingerprint_key)
    }

    /// The newest key that authenticates cursors.
    #[must_use]
    pub const fn cursor_key(&self) -> [u8; 32] {
        self.cursor_key
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("signing", &self.signing).field("older", &self.older).finish_non_exhaustive()
    }
}

struct OpenedKey {
    id: String,
    purpose: KeyPurpose,
    material: Vec<u8>,
}

async fn open_all(keys: &dyn InstanceKeys, secret: &InstanceSecret) -> Result<Vec<OpenedKey>, KeyRingError> {
    keys.list_keys().await?.into_iter().map(|key| open(key, secret)).collect()
}

fn open(key: SealedKey, secret: &InstanceSecret) -> Result<OpenedKey, KeyRingError> {
    match secret.open(&context(key.purpose, &key.id), &key.sealed) {
        Ok(material) => Ok(OpenedKey { id: key.id, purpose: key.purpose, material }),
        Err(SealError::WrongSecret) => Err(KeyRingError::OtherSecret),
        Err(reason) => Err(KeyRingError::Unusable { id: key.id, reason }),
    }
}

fn damaged(id: &str) -> KeyRingError {
    KeyRingError::Unusable { id: id.to_owned(), reason: SealError::Damaged }
}

fn new_key(purpose: KeyPurpose, secret: &InstanceSecret, runtime: &Runtime) -> Result<SealedKey, KeyRingError> {
    let id = runtime.ids.next().to_string();
    let sealed = match purpose {
        KeyPurpose::AccessTokens => Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| SealError::Failed)
            .and_then(|document| secret.seal(&context(purpose, &id), document.as_ref())),
        KeyPurpose::Cursors | KeyPurpose::Fingerprints => secret.seal(&context(purpose, &id), &runtime.random.secret()),
    };
    let sealed = sealed.map_err(|_| KeyRingError::Generate { purpose })?;
    Ok(SealedKey { id, purpose, sealed, created_at: runtime.clock.now() })
}

/// Binds a sealed key to its id and its purpose.
fn context(purpose: KeyPurpose, id: &str) -> String {
    format!("skep instance key|{}|{id}", purpose.name())
}

fn newest(opened: &[OpenedKey], purpose: KeyPurpose) -> Result<[u8; 32], KeyRingError> {
    let key = opened.iter().rfind(|key| key.purpose == purpose).ok_or(KeyRingError::Vanished { purpose })?;
    key.material.as_slice().try_into().map_err(|_| damaged(&key.id))
}

#[cfg(test)]
mod tests;
