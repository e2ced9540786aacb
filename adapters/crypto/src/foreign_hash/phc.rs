//! Argon2id, Argon2i and scrypt, in the PHC string format.

use super::at_most;
use crate::password_hasher::{MAX_MEMORY_KIB, MAX_PASSES};
use argon2::{Algorithm, Argon2, Params, Version, password_hash::phc::PasswordHash};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use skep_application::{identity::ForeignHashRefusal, kernel::BoxError};
use std::fmt;

/// Lanes cost neither time nor memory here. Some systems make as many as they have cores.
const MAX_LANES: u32 = 64;
/// N·r·p, so 128 MiB at most. It is what OWASP recommends: N = 2^17, r = 8, p = 1.
const MAX_SCRYPT: u64 = 1 << 20;
/// The memory besides: 128 bytes for each of r·p, so 64 KiB at most.
const MAX_SCRYPT_BLOCKS: u64 = 512;
/// The lengths of a new hash in bytes.
const OWN_SALT: usize = 16;
const OWN_TAG: usize = 32;
/// A shorter tag is not one of a password.
const LEAST_TAG: usize = 16;

#[derive(Debug)]
pub(super) struct Phc {
    kind: Kind,
    salt: Vec<u8>,
    tag_bytes: usize,
}

#[derive(Debug)]
enum Kind {
    Argon2(Algorithm, Params),
    Scrypt { log_n: u8, r: u32, p: u32 },
}

impl Phc {
    pub(super) fn parse(text: &str) -> Result<(Self, Vec<u8>), ForeignHashRefusal> {
        let name = match text.split('$').nth(1) {
            Some("argon2id") => "argon2id",
            Some("argon2i") => "argon2i",
            _ => "scrypt",
        };
        let hash = PasswordHash::new(text).map_err(|_| ForeignHashRefusal::Incomplete(name))?;
        let (Some(salt), Some(tag)) = (&hash.salt, &hash.hash) else {
            return Err(ForeignHashRefusal::Incomplete(name));
        };
        if tag.len() < LEAST_TAG {
            return Err(ForeignHashRefusal::Incomplete(name));
        }
        let kind = match name {
            "argon2id" => argon2(Algorithm::Argon2id, name, &hash)?,
            "argon2i" => argon2(Algorithm::Argon2i, name, &hash)?,
            _ => scrypt(name, &hash)?,
        };
        Ok((Self { kind, salt: salt.to_vec(), tag_bytes: tag.len() }, tag.as_bytes().to_vec()))
    }

    /// The cost, if the hash is an Argon2id hash with a salt and a tag that are long enough for new hashes.
    pub(super) fn argon2id(&self) -> Option<&Params> {
        match &self.kind {
            Kind::Argon2(Algorithm::Argon2id, params) if self.salt.len() >= OWN_SALT && self.tag_bytes >= OWN_TAG => {
                Some(params)
            }
            _ => None,
        }
    }

    pub(super) fn compute(&self, password: &[u8]) -> Result<Vec<u8>, BoxError> {
        let mut tag = vec![0; self.tag_bytes];
        match &self.kind {
            Kind::Argon2(algorithm, params) => {
                let argon2 = Argon2::new(*algorithm, Version::V0x13, params.clone());
                argon2.hash_password_into(password, &self.salt, &mut tag)?;
            }
            Kind::Scrypt { log_n, r, p } => {
                scrypt::scrypt(password, &self.salt, &scrypt::Params::new(*log_n, *r, *p)?, &mut tag)?;
            }
        }
        Ok(tag)
    }
}

fn argon2(algorithm: Algorithm, name: &'static str, hash: &PasswordHash) -> Result<Kind, ForeignHashRefusal> {
    let incomplete = ForeignHashRefusal::Incomplete(name);
    if hash.version != Some(Version::V0x13.into()) {
        return Err(ForeignHashRefusal::Unknown);
    }
    let [memory, passes, lanes] = numbers(hash, ["m", "t", "p"]).ok_or(incomplete)?;
    at_most(memory.into(), MAX_MEMORY_KIB.into(), name, "the memory in KiB (m)")?;
    at_most(passes.into(), MAX_PASSES.into(), name, "the number of passes (t)")?;
    at_most(lanes.into(), MAX_LANES.into(), name, "the number of lanes (p)")?;
    Ok(Kind::Argon2(algorithm, Params::new(memory, passes, lanes, None).map_err(|_| incomplete)?))
}

fn scrypt(name: &'static str, hash: &PasswordHash) -> Result<Kind, ForeignHashRefusal> {
    let incomplete = ForeignHashRefusal::Incomplete(name);
    let [log_n, r, p] = numbers(hash, ["ln", "r", "p"]).ok_or(incomplete)?;
    if hash.version.is_some() || log_n == 0 || r == 0 || p == 0 {
        return Err(incomplete);
    }
    let n = 1_u64.checked_shl(log_n).unwrap_or(u64::MAX);
    let work = n.saturating_mul(r.into()).saturating_mul(p.into());
    at_most(work, MAX_SCRYPT, name, "N·r·p")?;
    at_most(u64::from(r) * u64::from(p), MAX_SCRYPT_BLOCKS, name, "r·p")?;
    // The product is small, so the logarithm is.
    Ok(Kind::Scrypt { log_n: u8::try_from(log_n).map_err(|_| incomplete)?, r, p })
}

/// The parameters with these names, if the hash has them and no other.
fn numbers<const N: usize>(hash: &PasswordHash, names: [&str; N]) -> Option<[u32; N]> {
    if hash.params.iter().count() != N {
        return None;
    }
    let values = names.map(|name| hash.params.get_decimal(name));
    values.iter().all(Option::is_some).then(|| values.map(Option::unwrap_or_default))
}

impl fmt::Display for Phc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Argon2(algorithm, params) => {
                let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
                write!(f, "${}$v=19$m={m},t={t},p={p}", algorithm.as_str())?;
            }
            Kind::Scrypt { log_n, r, p } => write!(f, "$scrypt$ln={log_n},r={r},p={p}")?,
        }
        let tag = vec![0; self.tag_bytes];
        write!(f, "${}${}", STANDARD_NO_PAD.encode(&self.salt), STANDARD_NO_PAD.encode(tag))
    }
}
