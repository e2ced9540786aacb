//! Passwords, tokens, fingerprints and keys.

mod calibration;
mod eddsa_tokens;
mod field_cipher;
mod field_keys;
mod fingerprints;
mod foreign_hash;
mod hash_pool;
mod instance_secret;
mod instance_secrets;
mod jwt_provider;
mod key_ring;
mod password_hasher;
mod secrets;
#[cfg(test)]
mod testing;

pub use calibration::{Measured, calibrate};
pub use eddsa_tokens::{EdDsaTokens, InvalidKey, SigningKey, TokenSetupError, VerifyingKey};
pub use field_cipher::AesFieldCipher;
pub use field_keys::{FieldKeyError, FieldKeyRing};
pub use fingerprints::HmacFingerprints;
pub use hash_pool::{HashPool, HashPoolStats};
pub use instance_secret::{InstanceSecret, InvalidSecret, SealError, sealed_with};
pub use instance_secrets::InstanceSecrets;
pub use key_ring::{KeyRing, KeyRingError};
pub use password_hasher::{Argon2Cost, Argon2Hasher, InvalidCost};
pub use secrets::{Sha256Secrets, same_bytes, secret_from_text, secret_hash, secret_text};
