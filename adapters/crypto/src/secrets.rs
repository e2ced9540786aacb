//! One-time secrets of 256 bits, which are shown once and stored as a hash.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;
use skep_application::{identity::OneTimeSecrets, kernel::Random};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// Hashes a secret with SHA-256. Only for secrets of many random bits. Passwords need a [`crate::Argon2Hasher`].
#[must_use]
pub fn secret_hash(secret: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, secret).as_ref());
    hash
}

/// Whether both are equal, in a time that depends only on their lengths.
#[must_use]
pub fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The secret in base64url without padding: 43 characters that need no escape in a URL or a shell.
#[must_use]
pub fn secret_text(secret: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(secret)
}

/// Decodes [`secret_text`]. `None` for any other text.
#[must_use]
pub fn secret_from_text(text: &str) -> Option<[u8; 32]> {
    let mut secret = [0; 32];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut secret).ok()?;
    (length == secret.len()).then_some(secret)
}

/// Generates and hashes one-time secrets: 256 random bits, shown as base64url, stored as the SHA-256 hash of that text.
pub struct Sha256Secrets {
    random: Arc<dyn Random>,
}

impl Sha256Secrets {
    /// A generator on this randomness.
    #[must_use]
    pub fn new(random: Arc<dyn Random>) -> Self {
        Self { random }
    }
}

impl OneTimeSecrets for Sha256Secrets {
    fn generate(&self) -> (String, [u8; 32]) {
        let text = secret_text(&self.random.secret());
        let hash = self.hash(&text);
        (text, hash)
    }

    /// White space around the token is ignored, because people paste tokens.
    fn hash(&self, token: &str) -> [u8; 32] {
        secret_hash(token.trim().as_bytes())
    }

    fn same(&self, a: &[u8; 32], b: &[u8; 32]) -> bool {
        same_bytes(a, b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CountingRandom;

    #[test]
    fn the_hash_is_sha_256() {
        let hex: String = secret_hash(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_secret_is_read_back_from_its_text() {
        let secret = [0xfb; 32];
        let text = secret_text(&secret);
        assert_eq!(text.len(), 43);
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        assert_eq!(secret_from_text(&text), Some(secret));
        for other in ["", "abc", &text[1..], &format!("{text}A"), &format!("{text}="), &format!(" {text}")] {
            assert_eq!(secret_from_text(other), None, "{other:?}");
        }
    }

    #[test]
    fn equal_bytes_are_the_same_and_others_are_not() {
        assert!(same_bytes(b"abc", b"abc"));
        assert!(!same_bytes(b"abc", b"abd"));
        assert!(!same_bytes(b"abc", b"ab"));
        assert!(same_bytes(b"", b""));
    }

    #[test]
    fn a_generated_token_matches_its_hash() {
        let secrets = Sha256Secrets::new(Arc::new(CountingRandom::default()));
        let ((token, hash), (other, other_hash)) = (secrets.generate(), secrets.generate());
        assert_ne!(token, other);
        assert!(secret_from_text(&token).is_some());
        assert!(secrets.same(&secrets.hash(&format!(" {token}\n")), &hash));
        assert!(!secrets.same(&hash, &other_hash));
    }
}
