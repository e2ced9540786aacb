//! bcrypt: `$2b$<cost>$<salt><tag>`. For text in UTF-8, `$2a$` and `$2y$` mean the same.

use super::{Computed, at_most};
use base64::{
    Engine as _,
    alphabet::BCRYPT,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use skep_application::identity::ForeignHashRefusal;
use std::fmt;

const NAME: &str = "bcrypt";
const LEAST_COST: u32 = 4;
/// So many doublings of the work.
const MAX_COST: u64 = 14;
const SALT_CHARS: usize = 22;
const TAG_BYTES: usize = 23;
/// bcrypt does not see what is behind it.
const MAX_PASSWORD: usize = 72;

/// Some systems leave random bits at the end of a salt, which do not count.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

#[derive(Debug)]
pub(super) struct Bcrypt {
    cost: u32,
    salt: [u8; 16],
}

impl Bcrypt {
    /// Reads what is behind `$2b$`.
    pub(super) fn parse(text: &str) -> Result<(Self, Vec<u8>), ForeignHashRefusal> {
        let read = || {
            let (cost, rest) = text.split_once('$')?;
            let cost = (cost.len() == 2 && cost.bytes().all(|b| b.is_ascii_digit())).then(|| cost.parse().ok())??;
            let (salt, tag) = rest.split_at_checked(SALT_CHARS)?;
            let (salt, tag) = (BASE64.decode(salt).ok()?, BASE64.decode(tag).ok()?);
            (cost >= LEAST_COST && tag.len() == TAG_BYTES).then_some((Self { cost, salt: salt.try_into().ok()? }, tag))
        };
        let (bcrypt, tag) = read().ok_or(ForeignHashRefusal::Incomplete(NAME))?;
        at_most(u64::from(bcrypt.cost), MAX_COST, NAME, "the cost")?;
        Ok((bcrypt, tag))
    }

    /// Computes the tag. bcrypt ends a password at a NUL byte and at its 72nd byte, so the tag of such a password is also
    /// that of others.
    pub(super) fn compute(&self, password: &[u8]) -> Computed {
        let is_ambiguous = password.len() > MAX_PASSWORD || password.contains(&0);
        let mut key = password[..password.len().min(MAX_PASSWORD)].to_vec();
        if key.len() < MAX_PASSWORD {
            key.push(0);
        }
        let tag = bcrypt::bcrypt(self.cost, self.salt, &key)[..TAG_BYTES].to_vec();
        Computed { tag, is_ambiguous }
    }
}

impl fmt::Display for Bcrypt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$2b${:02}${}{}", self.cost, BASE64.encode(self.salt), BASE64.encode([0; TAG_BYTES]))
    }
}
