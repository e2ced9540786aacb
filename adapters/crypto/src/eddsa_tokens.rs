//! Access tokens: JSON Web Tokens with Ed25519 signatures.

mod keys;

pub use keys::{InvalidKey, SigningKey, VerifyingKey};

use crate::{jwt_provider, secret_hash};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use keys::TokenKeys;
use serde::{Deserialize, Serialize};
use skep_application::{
    identity::{AccessClaims, AccessTokens, ExtraClaims, TokenError},
    kernel::BoxError,
};
use skep_domain::shared::{SessionId, Timestamp, UserId};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use uuid::Uuid;

const TYPE: &str = "at+jwt";
/// The limit of a token, in bytes. Our tokens have about 400.
const LONGEST_TOKEN: usize = 2_048;
/// How far `nbf` may be ahead, in milliseconds: clocks differ, and they are set back.
const LEEWAY_MILLIS: i64 = 5 * 60 * 1_000;

/// A test token could not be signed and verified. Either the host program has chosen a provider for JSON Web Tokens
/// that does not support Ed25519, or two keys have the same id.
#[derive(Debug, thiserror::Error)]
#[error("access tokens cannot be signed and verified in this process")]
pub struct TokenSetupError(#[source] BoxError);

/// Signs with one Ed25519 key, and verifies with it and with others. The keys can be replaced while tokens are verified.
///
/// A signature takes about 40 µs to verify, so the claims of verified tokens are cached by the hash of the whole token.
/// The time is checked at every call, but never whether a token was issued in the future: another instance may have issued
/// it, or the clock may have been set back since. A token from `issue` has no `nbf`.
pub struct EdDsaTokens {
    issuer: String,
    audience: String,
    validation: Validation,
    keys: RwLock<TokenKeys>,
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

/// What is signed.
#[derive(Serialize)]
struct Issued<'a> {
    #[serde(flatten)]
    claims: Claims,
    #[serde(flatten)]
    extra: &'a ExtraClaims,
}

/// The content of a token with a valid signature.
#[derive(Clone, Copy)]
struct VerifiedToken {
    claims: AccessClaims,
    not_before: Option<Timestamp>,
    /// The time from which on its key verifies nothing.
    key_expires_at: Option<Timestamp>,
}

impl EdDsaTokens {
    /// Signs with `signing`, and verifies with it and with `others`.
    ///
    /// # Errors
    /// [`TokenSetupError`] if a test token cannot be signed and verified, or two keys have the same id.
    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        signing: SigningKey,
        others: &[VerifyingKey],
    ) -> Result<Self, TokenSetupError> {
        jwt_provider::install();
        let (issuer, audience) = (issuer.into(), audience.into());
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[&audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The crate would compare with the system's time. `verify` compares with the time that it receives.
        validation.validate_exp = false;
        let keys = RwLock::new(TokenKeys::new(signing, others)?);
        let tokens = Self { issuer, audience, validation, keys };
        tokens.try_out(&tokens.keys())?;
        Ok(tokens)
    }

    /// Signs with `signing` from now on, and verifies with it and with `others`. Returns whether anything has changed.
    ///
    /// # Errors
    /// As [`EdDsaTokens::new`]. Then the keys stay as they are.
    pub fn replace_keys(&self, signing: SigningKey, others: &[VerifyingKey]) -> Result<bool, TokenSetupError> {
        if self.keys().are(&signing, others) {
            return Ok(false);
        }
        let keys = TokenKeys::new(signing, others)?;
        self.try_out(&keys)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(true)
    }

    /// The keys, which stay until the guard is dropped.
    fn keys(&self) -> RwLockReadGuard<'_, TokenKeys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_out(&self, keys: &TokenKeys) -> Result<(), TokenSetupError> {
        let now = Timestamp::from_millis(0).map_err(|error| TokenSetupError(error.into()))?;
        let claims = AccessClaims {
            user_id: UserId::new(Uuid::nil()),
            session_id: SessionId::new(Uuid::nil()),
            token_id: Uuid::nil(),
            issued_at: now,
            expires_at: now.plus_millis(1_000),
        };
        let token = self.sign(keys, &claims, &ExtraClaims::default()).map_err(TokenSetupError)?;
        match self.verify_signature(keys, &token) {
            Ok(_) => Ok(()),
            Err(error) => Err(TokenSetupError(error.into())),
        }
    }

    fn sign(&self, keys: &TokenKeys, claims: &AccessClaims, extra: &ExtraClaims) -> Result<String, BoxError> {
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
        Ok(jsonwebtoken::encode(&keys.header, &Issued { claims, extra }, &keys.signing)?)
    }

    fn verify_signature(&self, keys: &TokenKeys, token: &str) -> Result<VerifiedToken, TokenError> {
        let (key, key_expires_at) = key_of(keys, token).ok_or(TokenError::Invalid)?;
        let claims: Claims =
            jsonwebtoken::decode(token, key, &self.validation).map_err(|_| TokenError::Invalid)?.claims;
        let issued_at = time(claims.iat)?;
        let expires_at = time(claims.exp)?;
        if expires_at <= issued_at {
            return Err(TokenError::Invalid);
        }
        let not_before = claims.nbf.map(time).transpose()?;
        let claims =
            AccessClaims { user_id: claims.sub, session_id: claims.sid, token_id: claims.jti, issued_at, expires_at };
        Ok(VerifiedToken { claims, not_before, key_expires_at: *key_expires_at })
    }
}

/// Finds the key that the header names, if the header is one of ours.
fn key_of<'a>(keys: &'a TokenKeys, token: &str) -> Option<&'a (DecodingKey, Option<Timestamp>)> {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    let header: StrictHeader = serde_json::from_slice(&header).ok()?;
    if header.typ != TYPE || header.alg != "EdDSA" {
        return None;
    }
    keys.verifying.get(&header.kid)
}

/// Converts seconds since 1970, which must not be negative.
fn time(seconds: i64) -> Result<Timestamp, TokenError> {
    let millis = seconds.checked_mul(1_000).filter(|millis| *millis >= 0).ok_or(TokenError::Invalid)?;
    Timestamp::from_millis(millis).map_err(|_| TokenError::Invalid)
}

impl AccessTokens for EdDsaTokens {
    fn issue(&self, claims: &AccessClaims, extra: &ExtraClaims) -> Result<String, BoxError> {
        self.sign(&self.keys(), claims, extra)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Invalid);
        }
        let keys = self.keys();
        let name = secret_hash(token.as_bytes());
        let remembered = keys.verified.get(&name);
        let known = remembered.is_some();
        let verified = remembered.map_or_else(|| self.verify_signature(&keys, token), Ok)?;
        if verified.not_before.is_some_and(|not_before| not_before > now.plus_millis(LEEWAY_MILLIS))
            || verified.key_expires_at.is_some_and(|expires_at| now >= expires_at)
        {
            return Err(TokenError::Invalid);
        }
        if now >= verified.claims.expires_at {
            return Err(TokenError::Expired);
        }
        if !known {
            keys.verified.insert(name, verified);
        }
        Ok(verified.claims)
    }

    fn jwks(&self) -> String {
        self.keys().jwks.clone()
    }
}

#[cfg(test)]
mod tests;
