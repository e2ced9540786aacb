//! The keys of access tokens.

use super::{TYPE, TokenSetupError, VerifiedToken};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use moka::{policy::EvictionPolicy, sync::Cache};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use skep_domain::shared::Timestamp;
use std::{collections::HashMap, fmt};

/// The number of verified tokens in the cache: about 2 MB.
pub(super) const REMEMBERED: u64 = 10_000;

/// A key that signs. `Debug` never shows its private half.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    encoding: EncodingKey,
    public: [u8; 32],
}

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    /// The key's name in the header of a token (`kid`).
    pub id: String,
    /// The public key, as in RFC 8032.
    pub public: [u8; 32],
    /// The time from which on the key verifies nothing. A key without it does not expire.
    pub expires_at: Option<Timestamp>,
}

/// The document is not an Ed25519 key pair in PKCS#8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ed25519 key pair in pkcs#8")]
pub struct InvalidKey;

impl SigningKey {
    /// Reads a PKCS#8 document (version 2, with the public key).
    ///
    /// # Errors
    /// [`InvalidKey`] if the document is not an Ed25519 key pair.
    pub fn from_pkcs8(id: impl Into<String>, document: &[u8]) -> Result<Self, InvalidKey> {
        let pair = Ed25519KeyPair::from_pkcs8(document).map_err(|_| InvalidKey)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| InvalidKey)?;
        Ok(Self { id: id.into(), encoding: EncodingKey::from_ed_der(document), public })
    }

    /// The public half of this key, which verifies until `expires_at`.
    #[must_use]
    pub fn verifying_key(&self, expires_at: Option<Timestamp>) -> VerifyingKey {
        VerifyingKey { id: self.id.clone(), public: self.public, expires_at }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The keys at one time, with everything that follows from them.
pub(super) struct TokenKeys {
    pub(super) header: Header,
    pub(super) signing: EncodingKey,
    /// By id, with the time at which the key expires.
    pub(super) verifying: HashMap<String, (DecodingKey, Option<Timestamp>)>,
    /// Verified tokens by the hash of the token. They leave with the keys that have verified them.
    pub(super) verified: Cache<[u8; 32], VerifiedToken>,
    pub(super) jwks: String,
    /// The public keys, that of the signing key first.
    public: Vec<VerifyingKey>,
}

impl TokenKeys {
    pub(super) fn new(signing: SigningKey, others: &[VerifyingKey]) -> Result<Self, TokenSetupError> {
        let public = public(&signing, others);
        let decoding = |key: &VerifyingKey| (key.id.clone(), (DecodingKey::from_ed_der(&key.public), key.expires_at));
        let verifying: HashMap<_, _> = public.iter().map(decoding).collect();
        if verifying.len() != public.len() {
            return Err(TokenSetupError("two keys have the same id".into()));
        }
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(signing.id);
        let verified = Cache::builder().max_capacity(REMEMBERED).eviction_policy(EvictionPolicy::lru()).build();
        let jwks = jwks(&public);
        Ok(Self { header, signing: signing.encoding, verifying, verified, jwks, public })
    }

    /// Whether these are the same keys, each with the same use.
    pub(super) fn are(&self, signing: &SigningKey, others: &[VerifyingKey]) -> bool {
        self.public == public(signing, others)
    }
}

fn public(signing: &SigningKey, others: &[VerifyingKey]) -> Vec<VerifyingKey> {
    std::iter::once(signing.verifying_key(None)).chain(others.iter().cloned()).collect()
}

fn jwks(keys: &[VerifyingKey]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|key| {
            serde_json::json!({
                "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                "kid": key.id, "x": URL_SAFE_NO_PAD.encode(key.public),
            })
        })
        .collect();
    serde_json::json!({ "keys": keys }).to_string()
}
