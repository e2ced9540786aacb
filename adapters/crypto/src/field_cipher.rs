//! Seals fields with the keys of the deployment for them.

use crate::FieldKeyRing;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf,
    rand::{SecureRandom as _, SystemRandom},
};
use skep_application::kernel::{CipherError, FieldCipher, FieldPlace, Opened};
use skep_domain::shared::Sealed;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, RwLock},
};
use tokio::sync::Notify;

/// The most bytes of a value.
const LONGEST: usize = 64 * 1024;
/// How many ids of lost keys are remembered. Values name them, and a store that was changed by hand may have many.
const MOST_LOST: usize = 64;

/// Seals fields with AES-256-GCM.
///
/// Each place has a key of its own, which is derived from the key of the deployment by HKDF. So the number of values
/// that a key can seal safely counts for each place, and not for the whole deployment. The place and the id of the key
/// are authenticated as well.
pub struct AesFieldCipher {
    keys: RwLock<Arc<FieldKeyRing>>,
    /// The ids of keys that values name, and that were missing when the keys were read.
    lost: Mutex<BTreeSet<String>>,
    /// Those that values name, and that have been missing since.
    wanted: Mutex<BTreeSet<String>>,
    wants: Notify,
}

impl AesFieldCipher {
    /// A cipher with these keys.
    #[must_use]
    pub fn new(keys: FieldKeyRing) -> Self {
        Self {
            keys: RwLock::new(Arc::new(keys)),
            lost: Mutex::default(),
            wanted: Mutex::default(),
            wants: Notify::new(),
        }
    }

    /// Replaces the keys by those that were just read. Returns whether the newest one is another one now.
    pub fn renew(&self, keys: FieldKeyRing) -> bool {
        let keys = Arc::new(keys);
        let has = |id: &String| keys.find(id).is_some();
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.extend(std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner)));
        lost.retain(|id| !has(id));
        while lost.len() > MOST_LOST {
            lost.pop_first();
        }
        let mut current = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let is_other = current.newest().map(|key| &key.id) != keys.newest().map(|key| &key.id);
        *current = keys;
        is_other
    }

    /// Waits until a value names a key that was not read yet. The keys should be read at once then.
    pub async fn wants_keys(&self) {
        self.wants.notified().await;
    }

    fn keys(&self) -> Arc<FieldKeyRing> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn missing(&self, key_id: &str) -> CipherError {
        let key_id = key_id.to_owned();
        if self.lost.lock().unwrap_or_else(PoisonError::into_inner).contains(&key_id) {
            return CipherError::LostKey { key_id };
        }
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.len() < MOST_LOST {
            wanted.insert(key_id.clone());
        }
        self.wants.notify_one();
        CipherError::UnknownKey { key_id }
    }
}

impl FieldCipher for AesFieldCipher {
    fn seal(&self, place: &FieldPlace, value: &[u8]) -> Result<Sealed, CipherError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| CipherError::Failed)?;
        seal_with(&self.keys(), place, value, nonce)
    }

    fn open(&self, place: &FieldPlace, sealed: &Sealed) -> Result<Opened, CipherError> {
        let (version, key_id, content) = sealed.parts().ok_or(CipherError::Damaged)?;
        if version != Sealed::VERSION {
            let is_version = (1..=8).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_digit());
            let unknown = CipherError::UnknownVersion(version.to_owned());
            return Err(if is_version { unknown } else { CipherError::Damaged });
        }
        let keys = self.keys();
        let Some(key) = keys.find(key_id) else {
            // An id of another form is no id that a deployment has ever had.
            return Err(if FieldKeyRing::is_id(key_id) { self.missing(key_id) } else { CipherError::Damaged });
        };
        let content = URL_SAFE_NO_PAD.decode(content).map_err(|_| CipherError::Damaged)?;
        let (nonce, body) = content.split_at_checked(NONCE_LEN).ok_or(CipherError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CipherError::Damaged)?;
        let (aead, associated) = of_place(&key.root, key_id, place)?;
        let mut body = body.to_vec();
        let value = aead.open_in_place(nonce, Aad::from(associated), &mut body).map_err(|_| CipherError::Damaged)?;
        Ok(Opened(value.to_vec()))
    }

    fn key_ids(&self) -> Vec<String> {
        self.keys().ids()
    }
}

fn seal_with(
    keys: &FieldKeyRing,
    place: &FieldPlace,
    value: &[u8],
    nonce: [u8; NONCE_LEN],
) -> Result<Sealed, CipherError> {
    if value.len() > LONGEST {
        return Err(CipherError::TooLong(value.len()));
    }
    let key = keys.newest().ok_or(CipherError::Failed)?;
    let (aead, associated) = of_place(&key.root, &key.id, place)?;
    let mut body = value.to_vec();
    aead.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(associated), &mut body)
        .map_err(|_| CipherError::Failed)?;
    Ok(Sealed::of(&key.id, &URL_SAFE_NO_PAD.encode([&nonce[..], &body].concat())))
}

/// The key of a place, and the data that its values authenticate.
fn of_place(root: &hkdf::Prk, key_id: &str, place: &FieldPlace) -> Result<(LessSafeKey, Vec<u8>), CipherError> {
    let associated = associated(key_id, place);
    let info = [b"field key of ".as_slice(), &associated];
    let key = root.expand(&info, &AES_256_GCM).map_err(|_| CipherError::Failed)?;
    Ok((LessSafeKey::new(UnboundKey::from(key)), associated))
}

/// Each part follows its length, so different places never give the same bytes.
fn associated(key_id: &str, place: &FieldPlace) -> Vec<u8> {
    let parts = [Sealed::VERSION, key_id, place.field.table, place.field.column, &place.row];
    let with_length = |part: &str| [&(part.len() as u64).to_be_bytes()[..], part.as_bytes()].concat();
    parts.iter().flat_map(|part| with_length(part)).collect()
}

#[cfg(test)]
mod tests;
