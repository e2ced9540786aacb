//! Hashes of passwords that other systems have made.
//!
//! Such a hash may be cheap to guess, so it is not stored. Its tag is hashed again, with the cost of new hashes, and the
//! stored text has the settings of both:
//!
//! ```text
//! $over$2b$10$<salt>...............................$argon2id$v=19$m=19456,t=2,p=1$<salt>$<tag>
//! ```
//!
//! In front of the Argon2id hash is the foreign one, with zeros as its tag. A login computes the tag from the password,
//! and verifies it against the Argon2id hash. Parameters above the limits are refused both times the text is read.

mod bcrypt;
mod phc;
mod phpass;

use self::{bcrypt::Bcrypt, phc::Phc, phpass::Phpass};
use skep_application::{identity::ForeignHashRefusal, kernel::BoxError};
use std::fmt;

/// What the text of a wrapped hash starts with.
const OVER: &str = "$over";
/// No accepted text is longer: the longest has a salt of 64 characters and a tag of 86.
const MAX_BYTES: usize = 256;

/// The algorithm, the parameters and the salt of a hash, and the length of its tag.
#[derive(Debug)]
enum Settings {
    Bcrypt(Bcrypt),
    Phc(Phc),
    Phpass(Phpass),
}

/// A hash of another system.
#[derive(Debug)]
pub(crate) struct ForeignHash {
    settings: Settings,
    /// What the algorithm computes from the password.
    pub(crate) tag: Vec<u8>,
}

/// A tag that was computed from a password.
pub(crate) struct Computed {
    pub(crate) tag: Vec<u8>,
    /// The algorithm does not see the whole password, so that another password has the same tag. None of them is right.
    pub(crate) is_ambiguous: bool,
}

impl ForeignHash {
    /// Reads the text of a hash.
    pub(crate) fn parse(text: &str) -> Result<Self, ForeignHashRefusal> {
        if text.len() > MAX_BYTES {
            return Err(ForeignHashRefusal::Unknown);
        }
        let (settings, tag) = match text.get(1..).and_then(|rest| rest.split_once('$')) {
            Some(("2a" | "2b" | "2y", rest)) => {
                let (settings, tag) = Bcrypt::parse(rest)?;
                (Settings::Bcrypt(settings), tag)
            }
            Some(("P" | "H", rest)) => {
                let (settings, tag) = Phpass::parse(rest)?;
                (Settings::Phpass(settings), tag)
            }
            Some(("argon2id" | "argon2i" | "scrypt", _)) => {
                let (settings, tag) = Phc::parse(text)?;
                (Settings::Phc(settings), tag)
            }
            _ => return Err(ForeignHashRefusal::Unknown),
        };
        if text.starts_with('$') { Ok(Self { settings, tag }) } else { Err(ForeignHashRefusal::Unknown) }
    }

    /// Whether the hash is an Argon2id hash as new ones are, with a cost that is enough.
    pub(crate) fn is_own(&self, is_enough: impl Fn(&argon2::Params) -> bool) -> bool {
        matches!(&self.settings, Settings::Phc(phc) if phc.argon2id().is_some_and(is_enough))
    }

    /// The stored text, if this is the Argon2id hash of the tag.
    pub(crate) fn over(&self, argon2id: &str) -> String {
        format!("{OVER}{}{argon2id}", self.settings)
    }

    /// Splits a stored text into the foreign hash and the Argon2id hash of its tag. `None` if it is not wrapped.
    pub(crate) fn split(stored: &str) -> Option<Result<(Self, &str), ForeignHashRefusal>> {
        let rest = stored.strip_prefix(OVER)?;
        let (foreign, argon2id) = rest.rfind("$argon2id$").map(|at| rest.split_at(at))?;
        Some(Self::parse(foreign).map(|foreign| (foreign, argon2id)))
    }

    /// Computes the tag of this password.
    pub(crate) fn compute(&self, password: &[u8]) -> Result<Computed, BoxError> {
        match &self.settings {
            Settings::Bcrypt(bcrypt) => Ok(bcrypt.compute(password)),
            Settings::Phpass(phpass) => Ok(Computed { tag: phpass.compute(password), is_ambiguous: false }),
            Settings::Phc(phc) => Ok(Computed { tag: phc.compute(password)?, is_ambiguous: false }),
        }
    }
}

impl fmt::Display for Settings {
    /// A text that [`ForeignHash::parse`] reads, with zeros as the tag.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bcrypt(bcrypt) => bcrypt.fmt(f),
            Self::Phc(phc) => phc.fmt(f),
            Self::Phpass(phpass) => phpass.fmt(f),
        }
    }
}

/// The parameter, unless it is above the limit.
fn at_most(value: u64, limit: u64, algorithm: &'static str, parameter: &'static str) -> Result<(), ForeignHashRefusal> {
    if value > limit { Err(ForeignHashRefusal::TooCostly { algorithm, parameter, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
