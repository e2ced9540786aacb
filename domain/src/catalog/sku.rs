//! Stock keeping units.

use serde::{Deserialize, Serialize};

/// The shop's own code of a product: 1 to 64 ASCII letters, digits, `-`, `_`, `.` and `/`, starting with a letter or a
/// digit. Compared byte by byte; unique among all products, the archived ones included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sku(String);

/// The text is not a SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 64 letters, digits or -_./ and start with a letter or digit")]
pub struct InvalidSku;

impl Sku {
    /// The greatest length.
    pub const MAX: usize = 64;

    /// Reads a SKU.
    ///
    /// # Errors
    /// [`InvalidSku`].
    pub fn parse(text: &str) -> Result<Self, InvalidSku> {
        let allowed = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if text.len() <= Self::MAX && allowed && starts { Ok(Self(text.to_owned())) } else { Err(InvalidSku) }
    }

    /// A SKU that was read before it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code alone.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::fmt::Display for Sku {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_codes_are_skus() {
        for text in ["A", "bee-1", "2026/HONEY_0.5", "0"] {
            assert!(Sku::parse(text).is_ok(), "{text}");
        }
        for text in ["", "-a", " a", "a b", "ä", "a\0", &"a".repeat(65)] {
            assert_eq!(Sku::parse(text), Err(InvalidSku), "{text:?}");
        }
    }
}
