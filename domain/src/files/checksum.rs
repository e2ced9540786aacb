//! The checksum of a content.

use crate::shared::{Described, Kind};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr};

/// The SHA-256 of a content. Its text has 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum([u8; 32]);

/// The text is not a SHA-256 in hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 64 lower-case hexadecimal digits")]
pub struct InvalidChecksum;

impl Checksum {
    /// Wraps the bytes of a digest.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The bytes of the digest.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Checksum {
    type Err = InvalidChecksum;

    fn from_str(text: &str) -> Result<Self, InvalidChecksum> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(InvalidChecksum),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(InvalidChecksum);
        }
        let mut digest = [0; 32];
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(digest))
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Described for Checksum {
    const KIND: Kind = Kind::Text;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_64_lower_case_digits_are_read() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(text.parse::<Checksum>().unwrap().to_string(), text);
        for wrong in [String::new(), text[1..].to_owned(), format!("{text}0"), text.replace('a', "A"), "é".repeat(32)]
        {
            assert_eq!(wrong.parse::<Checksum>(), Err(InvalidChecksum), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_checksum_is_read_back_as_it_was_written(digest in any::<[u8; 32]>()) {
            let checksum = Checksum::new(digest);
            prop_assert_eq!(checksum.to_string().parse(), Ok(checksum));
            let json = serde_json::to_string(&checksum).unwrap();
            prop_assert_eq!(serde_json::from_str::<Checksum>(&json).unwrap(), checksum);
        }
    }
}
