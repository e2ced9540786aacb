//! Access tokens: JSON Web Tokens with Ed25519 signatures.

use crate::{jwt_provider, secret_hash};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use moka::{policy::EvictionPolicy, sync::Cache};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use skep_application::{
    identity::{AccessClaims, AccessTokens, TokenError},
    kernel::BoxError,
};
use skep_domain::shared::{SessionId, Timestamp, UserId};
use std::{collections::HashMap, fmt};
use uuid::Uuid;

const TYPE: &str = "at+jwt";
/// The limit of a token, in bytes. Our tokens have about 400.
const LONGEST_TOKEN: usize = 2_048;
/// How far the clock of another instance may be ahead, in milliseconds.
const LEEWAY_MILLIS: i64 = 5_000;
/// The number of verified tokens in the cache: about 2 MB.
const REMEMBERED: u64 = 10_000;

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
}

/// The document is not an Ed25519 key pair in PKCS#8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ed25519 key pair in pkcs#8")]
pub struct InvalidKey;

/// A test token could not be signed and verified. Either the host program has chosen a provider for JSON Web Tokens
/// that does not support Ed25519, or two keys have the same id.
#[derive(Debug, thiserror::Error)]
#[error("access tokens cannot be signed and verified in this process")]
pub struct TokenSetupError(#[source] BoxError);

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

    /// The public half of this key.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey { id: self.id.clone(), public: self.public }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Signs with one Ed25519 key, and verifies with it and with older ones.
///
/// A signature takes about 40 µs to verify, so the claims of verified tokens are cached by the hash of the whole token.
/// The time is checked at every call. `iat` may be 5 s ahead, because the clocks of instances differ.
pub struct EdDsaTokens {
    issuer: String,
    audience: String,
    header: Header,
    signing: EncodingKey,
    verifying: HashMap<String, DecodingKey>,
    validation: Validation,
    verified: Cache<[u8; 32], Times>,
    jwks: String,
}

/// A header with exactly these fields: no embedded or linked key, and no critical extension.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader {
    typ: String,
    alg: String,
    kid: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    jti: Uuid,
    iat: i64,
    exp: i64,
    /// Never issued, but checked if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// The content of a token with a valid signature.
#[derive(Clone, Copy)]
struct Times {
    claims: AccessClaims,
    /// The later of `iat` and `nbf`.
    not_before: Timestamp,
}

impl EdDsaTokens {
    /// Signs with `signing`, and verifies with it and with `older`.
    ///
    /// # Errors
    /// [`TokenSetupError`] if a test token cannot be signed and verified, or two keys have the same id.
    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        signing: SigningKey,
        older: &[VerifyingKey],
    ) -> Result<Self, TokenSetupError> {
        jwt_provider::install();
        let (issuer, audience) = (issuer.into(), audience.into());
        let keys: Vec<_> = std::iter::once(signing.verifying_key()).chain(older.iter().cloned()).collect();
        let verifying: HashMap<_, _> =
            keys.iter().map(|key| (key.id.clone(), DecodingKey::from_ed_der(&key.public))).collect();
        if verifying.len() != keys.len() {
            return Err(TokenSetupError("two keys have the same id".into()));
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[&audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The crate would compare with the system's time. `verify` compares with the time that it receives.
        validation.validate_exp = false;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(signing.id);
        let verified = Cache::builder().max_capacity(REMEMBERED).eviction_policy(EvictionPolicy::lru()).build();
        let jwks = jwks(&keys);
        let tokens =
            Self { issuer, audience, header, signing: signing.encoding, verifying, validation, verified, jwks };
        tokens.try_out()?;
        Ok(tokens)
    }

    fn try_out(&self) -> Result<(), TokenSetupError> {
        let now = Timestamp::from_millis(0).map_err(|error| TokenSetupError(error.into()))?;
        let claims = AccessClaims {
            user_id: UserId::new(Uuid::nil()),
            session_id: SessionId::new(Uuid::nil()),
            token_id: Uuid::nil(),
            issued_at: now,
            expires_at: now.plus_millis(1_000),
        };
        let token = self.issue(&claims).map_err(TokenSetupError)?;
        match self.verify_signature(&token) {
            Ok(_) => Ok(()),
            Err(error) => Err(TokenSetupError(error.into())),
        }
    }

    fn verify_signature(&self, token: &str) -> Result<Times, TokenError> {
        let key = self.key_of(token).ok_or(TokenError::Invalid)?;
        let claims: Claims =
            jsonwebtoken::decode(token, key, &self.validation).map_err(|_| TokenError::Invalid)?.claims;
        let issued_at = time(claims.iat)?;
        let expires_at = time(claims.exp)?;
        if expires_at <= issued_at {
            return Err(TokenError::Invalid);
        }
        let not_before = claims.nbf.map_or(Ok(issued_at), time)?.max(issued_at);
        let claims =
            AccessClaims { user_id: claims.sub, session_id: claims.sid, token_id: claims.jti, issued_at, expires_at };
        Ok(Times { claims, not_before })
    }

    /// Finds the key that the header names, if the header is one of ours.
    fn key_of(&self, token: &str) -> Option<&DecodingKey> {
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
        let header: StrictHeader = serde_json::from_slice(&header).ok()?;
        if header.typ != TYPE || header.alg != "EdDSA" {
            return None;
        }
        self.verifying.get(&header.kid)
    }
}

/// Converts seconds since 1970, which must not be negative.
fn time(seconds: i64) -> Result<Timestamp, TokenError> {
    let millis = seconds.checked_mul(1_000).filter(|millis| *millis >= 0).ok_or(TokenError::Invalid)?;
    Timestamp::from_millis(millis).map_err(|_| TokenError::Invalid)
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

impl AccessTokens for EdDsaTokens {
    fn issue(&self, claims: &AccessClaims) -> Result<String, BoxError> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: claims.user_id,
            sid: claims.session_id,
            jti: claims.token_id,
            iat: claims.issued_at.as_millis().div_euclid(1_000),
            exp: claims.expires_at.as_millis().div_euclid(1_000),
            nbf: None,
        };
        Ok(jsonwebtoken::encode(&self.header, &claims, &self.signing)?)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Invalid);
        }
        let name = secret_hash(token.as_bytes());
        let remembered = self.verified.get(&name);
        let known = remembered.is_some();
        let verified = remembered.map_or_else(|| self.verify_signature(token), Ok)?;
        if verified.not_before > now.plus_millis(LEEWAY_MILLIS) {
            return Err(TokenError::Invalid);
        }
        if now >= verified.claims.expires_at {
            return Err(TokenError::Expired);
        }
        if !known {
            self.verified.insert(name, verified);
        }
        Ok(verified.claims)
    }

    fn jwks(&self) -> String {
        self.jwks.clone()
    }
}

#[cfg(test)]
mod tests;
