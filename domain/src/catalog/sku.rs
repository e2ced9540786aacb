//! Stock keeping units.

use crate::shared::string_type;

string_type! {
    /// The shop's own code of a product: 1 to 64 ASCII letters, digits, `-`, `_`, `.` and `/`, starting with a letter
    /// or a digit. SKUs are compared byte by byte. Each is unique among all products, including the archived ones.
    Sku
}

/// The text is not a SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 64 letters, digits or -_./ and start with a letter or digit")]
pub struct InvalidSku;

impl Sku {
    /// The greatest length in characters.
    pub const MAX: usize = 64;
    /// The form of a SKU as a regular expression, for interfaces. The length is limited besides.
    pub const PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9_./-]*$";

    /// Reads a SKU.
    ///
    /// # Errors
    /// [`InvalidSku`].
    pub fn parse(text: &str) -> Result<Self, InvalidSku> {
        let allowed = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if text.len() <= Self::MAX && allowed && starts { Ok(Self(text.to_owned())) } else { Err(InvalidSku) }
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
