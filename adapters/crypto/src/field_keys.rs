//! The keys of sealed fields, kept in the store and wrapped with a secret that is not in it.

use crate::{InstanceSecrets, SealError};
use ring::hkdf;
use skep_application::{
    kernel::{Runtime, StoreError},
    operations::{FieldKey, FieldKeys},
};
use std::fmt;

/// How many keys a deployment has at most. Each rotation adds one, and none is deleted.
const MOST_KEYS: usize = 1_000;
const ID_LEN: usize = 8;

/// The opened keys, by number. The last one seals. `Debug` never shows them.
pub struct FieldKeyRing(Vec<DataKey>);

/// A key, ready to derive from.
pub(crate) struct DataKey {
    pub(crate) id: String,
    pub(crate) root: hkdf::Prk,
}

/// Why the keys of sealed fields cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FieldKeyError {
    /// The key is wrapped with a secret that this instance does not have.
    #[error(
        "the key {id} of sealed fields is wrapped with another secret: check SKEP_SECRET_FILE, and SKEP_FIELD_SECRET_FILE \
         if the deployment has one"
    )]
    OtherSecret {
        /// The id of the key.
        id: String,
    },
    /// A stored key cannot be opened or has no valid content.
    #[error("the key {id} of sealed fields cannot be used: {reason}")]
    Unusable {
        /// The id of the key.
        id: String,
        /// Why the key cannot be opened.
        reason: SealError,
    },
    /// A previous secret has wrapped a key. The next key would have the current one, and an instance that knows only the
    /// previous one could then no longer read the keys.
    #[error("the key {id} of sealed fields is wrapped with a previous secret: run `skep keys reseal` first")]
    PreviousSecret {
        /// The id of the key.
        id: String,
    },
    /// No key could be generated, because there is no randomness.
    #[error("no key of sealed fields could be generated")]
    Generate,
    /// The store does not list the key that was stored.
    #[error("the store has no key of sealed fields")]
    Missing,
    /// There are too many keys.
    #[error("there are {MOST_KEYS} keys of sealed fields already: rotate them less often")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FieldKeyRing {
    /// Loads the keys of the store. If the store has no key, the first one is generated and stored. Instances that start at the
    /// same time end with the same key.
    ///
    /// # Errors
    /// [`FieldKeyError`].
    pub async fn load_or_create(
        keys: &dyn FieldKeys,
        secrets: &InstanceSecrets,
        runtime: &Runtime,
    ) -> Result<Self, FieldKeyError> {
        let mut stored = keys.list_field_keys().await?;
        if stored.is_empty() {
            keys.insert_field_key(&new_key(1, secrets, runtime)?).await?;
            stored = keys.list_field_keys().await?;
        }
        if stored.is_empty() {
            return Err(FieldKeyError::Missing);
        }
        Self::open(stored, secrets)
    }

    /// Opens stored keys.
    ///
    /// # Errors
    /// [`FieldKeyError`].
    pub fn open(stored: Vec<FieldKey>, secrets: &InstanceSecrets) -> Result<Self, FieldKeyError> {
        let mut stored = stored;
        stored.sort_by_key(|key| key.number);
        stored.iter().map(|key| data_key(key, secrets)).collect::<Result<_, _>>().map(Self)
    }

    /// Stores a key that seals from now on, and returns whether it was stored: another instance may have stored one at
    /// the same time. The keys before it still open.
    ///
    /// # Errors
    /// [`FieldKeyError`]. Nothing is added if a key cannot be opened, or has to be wrapped again first
    /// ([`FieldKeyRing::rewrap`]).
    pub async fn add(
        keys: &dyn FieldKeys,
        secrets: &InstanceSecrets,
        runtime: &Runtime,
    ) -> Result<bool, FieldKeyError> {
        let stored = keys.list_field_keys().await?;
        Self::open(stored.clone(), secrets)?;
        for key in &stored {
            let id = || key.id.clone();
            match secrets.has_sealed_now(&key.wrapped) {
                Ok(true) => {}
                Ok(false) => return Err(FieldKeyError::PreviousSecret { id: id() }),
                Err(reason) => return Err(FieldKeyError::Unusable { id: id(), reason }),
            }
        }
        if stored.len() >= MOST_KEYS {
            return Err(FieldKeyError::TooMany);
        }
        let number = stored.iter().map(|key| key.number).max().unwrap_or(0).saturating_add(1);
        Ok(keys.insert_field_key(&new_key(number, secrets, runtime)?).await?)
    }

    /// Wraps the keys of previous secrets again, with the current one. Returns the number of keys that this call has
    /// wrapped. The values that they have sealed stay as they are.
    ///
    /// # Errors
    /// [`FieldKeyError`]. Keys that were wrapped before it stay so; the next call wraps the others.
    pub async fn rewrap(keys: &dyn FieldKeys, secrets: &InstanceSecrets) -> Result<usize, FieldKeyError> {
        let mut count = 0;
        for key in keys.list_field_keys().await? {
            let unusable = |reason| FieldKeyError::Unusable { id: key.id.clone(), reason };
            if secrets.has_sealed_now(&key.wrapped).map_err(unusable)? {
                continue;
            }
            let material = unwrap(&key, secrets)?;
            let wrapped = secrets.seal(&context(key.number, &key.id), &material).map_err(unusable)?;
            count += usize::from(keys.rewrap_field_key(&key.id, &key.wrapped, &wrapped).await?);
        }
        Ok(count)
    }

    /// The ids of the keys, oldest first.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.0.iter().map(|key| key.id.clone()).collect()
    }

    pub(crate) fn newest(&self) -> Option<&DataKey> {
        self.0.last()
    }

    pub(crate) fn find(&self, id: &str) -> Option<&DataKey> {
        self.0.iter().rev().find(|key| key.id == id)
    }

    /// Whether the text has the form of an id.
    pub(crate) fn is_id(text: &str) -> bool {
        text.len() == 2 * ID_LEN && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }
}

impl fmt::Debug for FieldKeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FieldKeyRing").field(&self.ids()).finish()
    }
}

impl DataKey {
    /// The key of this material. Its id follows from the material, so a value never opens with another key of its id.
    pub(crate) fn of(material: &[u8; 32]) -> Result<Self, SealError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"skep field key 1").extract(material);
        let mut id = [0; ID_LEN];
        root.expand(&[b"field key id"], KeyId).and_then(|okm| okm.fill(&mut id)).map_err(|_| SealError::Failed)?;
        Ok(Self { id: id.iter().map(|byte| format!("{byte:02x}")).collect(), root })
    }
}

#[cfg(test)]
impl FieldKeyRing {
    /// The keys of these materials.
    pub(crate) fn of(materials: &[[u8; 32]]) -> Self {
        Self(materials.iter().map(|material| DataKey::of(material).unwrap()).collect())
    }
}

struct KeyId;

impl hkdf::KeyType for KeyId {
    fn len(&self) -> usize {
        ID_LEN
    }
}

fn new_key(number: u32, secrets: &InstanceSecrets, runtime: &Runtime) -> Result<FieldKey, FieldKeyError> {
    let material = runtime.random.secret();
    let id = DataKey::of(&material).map_err(|_| FieldKeyError::Generate)?.id;
    let wrapped = secrets.seal(&context(number, &id), &material).map_err(|_| FieldKeyError::Generate)?;
    Ok(FieldKey { id, number, wrapped, created_at: runtime.clock.now() })
}

fn unwrap(key: &FieldKey, secrets: &InstanceSecrets) -> Result<[u8; 32], FieldKeyError> {
    let unusable = |reason| FieldKeyError::Unusable { id: key.id.clone(), reason };
    let material = match secrets.open(&context(key.number, &key.id), &key.wrapped) {
        Err(SealError::WrongSecret) => return Err(FieldKeyError::OtherSecret { id: key.id.clone() }),
        opened => opened.map_err(unusable)?,
    };
    material.try_into().map_err(|_| unusable(SealError::Damaged))
}

fn data_key(key: &FieldKey, secrets: &InstanceSecrets) -> Result<DataKey, FieldKeyError> {
    let unusable = |reason| FieldKeyError::Unusable { id: key.id.clone(), reason };
    let opened = DataKey::of(&unwrap(key, secrets)?).map_err(unusable)?;
    if opened.id == key.id { Ok(opened) } else { Err(unusable(SealError::Damaged)) }
}

/// Binds a wrapped key to its number and its id.
fn context(number: u32, id: &str) -> String {
    format!("skep field key|{number}|{id}")
}

#[cfg(test)]
mod tests;
