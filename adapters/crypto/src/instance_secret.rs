//! The secret that a deployment's instances share, and the data that is sealed with it.

use base64::{Engine as _, alphabet, engine::DecodePaddingMode, engine::general_purpose};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf,
    rand::{SecureRandom as _, SystemRandom},
};
use secrecy::{ExposeSecret as _, SecretBox};
use skep_application::kernel::Random;
use std::fmt;

/// The first byte of sealed data. It names the layout: version, id of the secret, nonce, ciphertext with tag.
const VERSION: u8 = 1;
const SECRET_ID_LEN: usize = 8;
const HEADER_LEN: usize = 1 + SECRET_ID_LEN + NONCE_LEN;
/// 32 random bytes almost never have fewer different values. Placeholders do.
const LEAST_DIFFERENT_BYTES: usize = 8;

/// A secret of 256 bits that all instances of a deployment share. `Debug` never shows it.
pub struct InstanceSecret(SecretBox<[u8; 32]>);

/// Why a text or file is not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// Not 32 bytes in hexadecimal or base64.
    #[error("the instance secret must be 32 bytes: 64 hexadecimal digits, or 43 characters of base64")]
    Format,
    /// 32 bytes with too few different values.
    #[error("the instance secret is not random; make one with `openssl rand -hex 32`")]
    Weak,
}

/// Why data cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The data was sealed with another secret.
    #[error("sealed with another instance secret")]
    WrongSecret,
    /// The data was changed or truncated, or sealed for another context.
    #[error("the sealed data is damaged or was sealed for another context")]
    Damaged,
    /// The data was sealed by a newer program.
    #[error("sealed in the unknown version {0}")]
    UnknownVersion(u8),
    /// The operating system has no randomness, or the data is too long.
    #[error("sealing failed")]
    Failed,
}

impl InstanceSecret {
    /// A new secret from this randomness.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        Self(SecretBox::new(Box::new(random.secret())))
    }

    /// Reads 64 hexadecimal digits or base64 (either alphabet, padded or not). White space around the text is ignored.
    ///
    /// # Errors
    /// [`InvalidSecret`] if the text is not a secret, or not a random one.
    pub fn from_text(text: &str) -> Result<Self, InvalidSecret> {
        let text = text.trim();
        let bytes = from_hex(text).or_else(|| from_base64(text)).ok_or(InvalidSecret::Format)?;
        Self::from_bytes(bytes)
    }

    /// Reads the content of a file: 32 raw bytes, or a text as in [`Self::from_text`]. 32 ASCII bytes do not count as a
    /// raw secret, because they are probably a typed password.
    ///
    /// # Errors
    /// [`InvalidSecret`] if the content is not a secret, or not a random one.
    pub fn from_file(content: &[u8]) -> Result<Self, InvalidSecret> {
        match <[u8; 32]>::try_from(content) {
            Ok(bytes) if !bytes.iter().all(u8::is_ascii) => Self::from_bytes(bytes),
            _ => Self::from_text(std::str::from_utf8(content).map_err(|_| InvalidSecret::Format)?),
        }
    }

    fn from_bytes(bytes: [u8; 32]) -> Result<Self, InvalidSecret> {
        let mut different = bytes;
        different.sort_unstable();
        let count = 1 + different.windows(2).filter(|pair| pair[0] != pair[1]).count();
        if count < LEAST_DIFFERENT_BYTES {
            return Err(InvalidSecret::Weak);
        }
        Ok(Self(SecretBox::new(Box::new(bytes))))
    }

    /// The secret in hexadecimal, for a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        hex(self.0.expose_secret())
    }

    /// Encrypts and authenticates with AES-256-GCM under a key that is derived from the secret. `context` names the
    /// data and its place. The data opens only with the same context.
    ///
    /// # Errors
    /// `Failed` without randomness, or if the data is too long.
    pub fn seal(&self, context: &str, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let keys = self.derive()?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SealError::Failed)?;
        let mut header = [VERSION; HEADER_LEN];
        header[1..=SECRET_ID_LEN].copy_from_slice(&keys.secret_id);
        header[1 + SECRET_ID_LEN..].copy_from_slice(&nonce);
        let mut body = plaintext.to_vec();
        keys.aead
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), associated(&header, context), &mut body)
            .map_err(|_| SealError::Failed)?;
        Ok([&header[..], &body].concat())
    }

    /// Opens data that was sealed with this secret for the same context.
    ///
    /// # Errors
    /// `WrongSecret`, `Damaged`, `UnknownVersion`.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let version = *sealed.first().ok_or(SealError::Damaged)?;
        if version != VERSION {
            return Err(SealError::UnknownVersion(version));
        }
        let (header, body) = sealed.split_at_checked(HEADER_LEN).ok_or(SealError::Damaged)?;
        let keys = self.derive()?;
        if header[1..=SECRET_ID_LEN] != keys.secret_id {
            return Err(SealError::WrongSecret);
        }
        let nonce = Nonce::try_assume_unique_for_key(&header[1 + SECRET_ID_LEN..]).map_err(|_| SealError::Damaged)?;
        let mut body = body.to_vec();
        let plaintext =
            keys.aead.open_in_place(nonce, associated(header, context), &mut body).map_err(|_| SealError::Damaged)?;
        Ok(plaintext.to_vec())
    }

    /// The id of the secret, as in [`sealed_with`]. It reveals nothing about the secret.
    ///
    /// # Errors
    /// `Failed` if it cannot be derived.
    pub fn id(&self) -> Result<String, SealError> {
        Ok(hex(&self.derive()?.secret_id))
    }

    /// A key for this purpose alone.
    pub(crate) fn derive_key(&self, purpose: &str) -> Result<[u8; 32], SealError> {
        let (root, info) = (self.root(), [b"key for ", purpose.as_bytes()]);
        let mut key = [0; 32];
        let filled = root.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut key));
        filled.map_err(|_| SealError::Failed)?;
        Ok(key)
    }

    fn root(&self) -> hkdf::Prk {
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"skep instance secret 1").extract(self.0.expose_secret())
    }

    fn derive(&self) -> Result<Derived, SealError> {
        let root = self.root();
        let aead = root.expand(&[b"sealing key"], &AES_256_GCM).map_err(|_| SealError::Failed)?;
        let mut secret_id = [0; SECRET_ID_LEN];
        root.expand(&[b"secret id"], SecretId)
            .and_then(|okm| okm.fill(&mut secret_id))
            .map_err(|_| SealError::Failed)?;
        Ok(Derived { aead: LessSafeKey::new(UnboundKey::from(aead)), secret_id })
    }
}

/// The id of the secret that opens the data, in hexadecimal: the data was sealed with the instance secret that has this
/// id. Returns `None` if the data is of no known form.
#[must_use]
pub fn sealed_with(sealed: &[u8]) -> Option<String> {
    let (header, _) = sealed.split_at_checked(HEADER_LEN)?;
    (header[0] == VERSION).then(|| hex(&header[1..=SECRET_ID_LEN]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The additional data: everything before the ciphertext is authenticated, too.
fn associated(header: &[u8], context: &str) -> Aad<Vec<u8>> {
    Aad::from([header, context.as_bytes()].concat())
}

struct Derived {
    aead: LessSafeKey,
    /// Distinguishes secrets without revealing them: 64 bits of a separate expansion.
    secret_id: [u8; SECRET_ID_LEN],
}

struct SecretId;

impl hkdf::KeyType for SecretId {
    fn len(&self) -> usize {
        SECRET_ID_LEN
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

fn from_base64(text: &str) -> Option<[u8; 32]> {
    let config = general_purpose::NO_PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engines = [alphabet::STANDARD, alphabet::URL_SAFE]
        .map(|alphabet| general_purpose::GeneralPurpose::new(&alphabet, config));
    engines.iter().find_map(|engine| engine.decode(text).ok())?.try_into().ok()
}

impl fmt::Debug for InstanceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstanceSecret([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CountingRandom;
    use proptest::prelude::*;

    fn secret() -> InstanceSecret {
        InstanceSecret::generate(&CountingRandom::default())
    }

    fn other() -> InstanceSecret {
        let random = CountingRandom::default();
        random.bits();
        InstanceSecret::generate(&random)
    }

    #[test]
    fn sealed_data_opens_only_with_the_same_secret_and_context() {
        let sealed = secret().seal("key|a", b"inside").unwrap();
        assert_eq!(secret().open("key|a", &sealed).unwrap(), b"inside");
        assert_eq!(secret().open("key|b", &sealed), Err(SealError::Damaged));
        assert_eq!(other().open("key|a", &sealed), Err(SealError::WrongSecret));
        assert!(!sealed.windows(6).any(|window| window == b"inside"));
        assert_ne!(secret().seal("key|a", b"inside").unwrap(), sealed, "a fresh nonce each time");
    }

    #[test]
    fn sealed_data_names_the_secret_that_opens_it() {
        let (ours, theirs) = (secret().seal("c", b"a").unwrap(), other().seal("c", b"a").unwrap());
        assert_eq!(sealed_with(&ours), Some(secret().id().unwrap()));
        assert_eq!(sealed_with(&theirs), Some(other().id().unwrap()));
        assert_ne!(sealed_with(&ours), sealed_with(&theirs));
        assert!(!secret().to_text().contains(&secret().id().unwrap()));
        for unknown in [&[] as &[u8], &[1; HEADER_LEN - 1], &[2; 99]] {
            assert_eq!(sealed_with(unknown), None);
        }
    }

    #[test]
    fn a_flipped_or_missing_byte_is_detected() {
        let sealed = secret().seal("c", b"inside").unwrap();
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            let expected = match place {
                0 => SealError::UnknownVersion(0),
                1..=8 => SealError::WrongSecret,
                _ => SealError::Damaged,
            };
            assert_eq!(secret().open("c", &changed), Err(expected), "byte {place}");
        }
        for length in 0..sealed.len() {
            assert_eq!(secret().open("c", &sealed[..length]), Err(SealError::Damaged), "{length} bytes");
        }
    }

    #[test]
    fn a_secret_is_read_from_every_spelling() {
        let text = secret().to_text();
        let bytes = *secret().0.expose_secret();
        let standard = general_purpose::STANDARD.encode(bytes);
        let url = general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        for spelling in [text.clone(), text.to_uppercase(), format!(" {text}\n"), standard, url] {
            let read = InstanceSecret::from_text(&spelling).unwrap();
            assert_eq!(read.0.expose_secret(), &bytes, "{spelling}");
            assert_eq!(InstanceSecret::from_file(spelling.as_bytes()).unwrap().0.expose_secret(), &bytes);
        }
        assert_eq!(InstanceSecret::from_file(&bytes).unwrap().0.expose_secret(), &bytes);
    }

    #[test]
    fn a_text_or_file_without_a_secret_is_refused() {
        let text = secret().to_text();
        for other in ["", "hunter2", &text[2..], &format!("{text}00"), "correct horse battery staple 123", "é"] {
            assert_eq!(InstanceSecret::from_text(other).unwrap_err(), InvalidSecret::Format, "{other}");
            assert_eq!(InstanceSecret::from_file(other.as_bytes()).unwrap_err(), InvalidSecret::Format, "{other}");
        }
        assert_eq!(InstanceSecret::from_text(&"0".repeat(64)).unwrap_err(), InvalidSecret::Weak);
        assert_eq!(InstanceSecret::from_file(&[0xff; 32]).unwrap_err(), InvalidSecret::Weak);
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", secret()), "InstanceSecret([REDACTED])");
    }

    proptest! {
        #[test]
        fn any_data_can_be_sealed(data in proptest::collection::vec(any::<u8>(), 0..200), context in "\\PC{0,40}") {
            let sealed = secret().seal(&context, &data).unwrap();
            prop_assert_eq!(secret().open(&context, &sealed).unwrap(), data);
        }

        #[test]
        fn opening_anything_never_panics(data in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(secret().open("c", &data).is_err());
        }
    }
}
