//! The portable hashes of phpass, which WordPress and phpBB had: `$P$<count><salt><tag>`, with MD5 in a loop.

use super::at_most;
use md5::{Digest as _, Md5};
use skep_application::identity::ForeignHashRefusal;
use std::fmt;

const NAME: &str = "phpass";
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LEAST_LOG_COUNT: u8 = 7;
/// Each round hashes the tag and the whole password with MD5.
const MAX_LOG_COUNT: u64 = 17;
const SALT_BYTES: usize = 8;
const TAG_BYTES: usize = 16;

#[derive(Debug)]
pub(super) struct Phpass {
    log_count: u8,
    /// These characters themselves are hashed.
    salt: [u8; SALT_BYTES],
}

impl Phpass {
    /// Reads what is behind `$P$`.
    pub(super) fn parse(text: &str) -> Result<(Self, Vec<u8>), ForeignHashRefusal> {
        let read = || {
            let (count, rest) = text.as_bytes().split_first()?;
            let log_count = digit(*count)?;
            let (salt, tag) = rest.split_at_checked(SALT_BYTES)?;
            let all_digits = salt.iter().all(|byte| digit(*byte).is_some());
            let tag = decode(tag)?;
            (all_digits && log_count >= LEAST_LOG_COUNT)
                .then_some((Self { log_count, salt: salt.try_into().ok()? }, tag))
        };
        let (phpass, tag) = read().ok_or(ForeignHashRefusal::Incomplete(NAME))?;
        at_most(u64::from(phpass.log_count), MAX_LOG_COUNT, NAME, "the logarithm of the count")?;
        Ok((phpass, tag))
    }

    pub(super) fn compute(&self, password: &[u8]) -> Vec<u8> {
        let mut tag = Md5::new().chain_update(self.salt).chain_update(password).finalize();
        for _ in 0..1_u64 << self.log_count {
            tag = Md5::new().chain_update(tag).chain_update(password).finalize();
        }
        tag.to_vec()
    }
}

impl fmt::Display for Phpass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = char::from(DIGITS[usize::from(self.log_count)]);
        write!(f, "$P${count}{}{}", String::from_utf8_lossy(&self.salt), ".".repeat(TAG_CHARS))
    }
}

const TAG_CHARS: usize = (TAG_BYTES * 8).div_ceil(6);

fn digit(byte: u8) -> Option<u8> {
    DIGITS.iter().position(|digit| *digit == byte).and_then(|at| u8::try_from(at).ok())
}

/// Three bytes are four digits, the lowest bits first.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut tag = Vec::with_capacity(TAG_BYTES);
    for digits in text.chunks(4) {
        let mut bits = 0_u32;
        for (at, byte) in digits.iter().enumerate() {
            bits |= u32::from(digit(*byte)?) << (6 * at);
        }
        let bytes = digits.len() * 6 / 8;
        if bits >> (8 * bytes) != 0 {
            return None;
        }
        tag.extend(&bits.to_le_bytes()[..bytes]);
    }
    (text.len() == TAG_CHARS).then_some(tag)
}
