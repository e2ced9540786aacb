//! The starts of addresses and names by which accounts are searched.

use super::DISPLAY_NAME_MAX;
use crate::shared::Email;
use caseless::default_case_fold_str;
use unicode_normalization::UnicodeNormalization as _;

/// The text is empty or too long, or has control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {max} {unit}, without control characters")]
pub struct InvalidPrefix {
    max: usize,
    unit: &'static str,
}

/// The start of an e-mail address, in the form in which addresses are compared: NFC and case-folded. A domain in
/// letters other than ASCII is compared as its A-label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailPrefix(String);

/// The start of a display name in NFC. Upper and lower case are different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePrefix(String);

impl EmailPrefix {
    /// Reads a start as a person types it.
    ///
    /// # Errors
    /// [`InvalidPrefix`] above [`Email::MAX_BYTES`].
    pub fn parse(text: &str) -> Result<Self, InvalidPrefix> {
        let refusal = InvalidPrefix { max: Email::MAX_BYTES, unit: "bytes" };
        // Folding makes a text at most a few times as long, so a long one is refused before.
        let folded = if text.len() > Email::MAX_BYTES { return Err(refusal) } else { fold(text) };
        let is_short = (1..=Email::MAX_BYTES).contains(&folded.len());
        if is_short && !folded.chars().any(char::is_control) { Ok(Self(folded)) } else { Err(refusal) }
    }

    /// The folded text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl NamePrefix {
    /// Reads a start as a person types it.
    ///
    /// # Errors
    /// [`InvalidPrefix`] above [`DISPLAY_NAME_MAX`].
    pub fn parse(text: &str) -> Result<Self, InvalidPrefix> {
        let refusal = InvalidPrefix { max: DISPLAY_NAME_MAX, unit: "characters" };
        let composed: String = text.nfc().take(DISPLAY_NAME_MAX + 1).collect();
        let is_short = (1..=DISPLAY_NAME_MAX).contains(&composed.chars().count());
        if is_short && !composed.chars().any(char::is_control) { Ok(Self(composed)) } else { Err(refusal) }
    }

    /// The composed text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn fold(text: &str) -> String {
    default_case_fold_str(&text.nfc().collect::<String>()).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_found_by_its_start_in_any_spelling() {
        for (address, typed) in
            [("Ada@Example.com", "ADA@ex"), ("BE\u{301}E@example.com", "b\u{e9}"), ("a@b.c", "a@b.c")]
        {
            let (email, prefix) = (Email::parse(address).unwrap(), EmailPrefix::parse(typed).unwrap());
            assert!(email.address().starts_with(prefix.as_str()), "{typed}");
        }
        assert_eq!(NamePrefix::parse("Be\u{301}").unwrap().as_str(), "B\u{e9}");
    }

    #[test]
    fn an_empty_or_long_start_is_refused() {
        for text in ["", "a\u{0}", "a\n", "a".repeat(255).as_str()] {
            assert!(EmailPrefix::parse(text).is_err() && NamePrefix::parse(text).is_err(), "{text:?}");
        }
        assert!(EmailPrefix::parse(&"a".repeat(254)).is_ok() && NamePrefix::parse(&"é".repeat(100)).is_ok());
        assert!(NamePrefix::parse(&"a".repeat(101)).is_err());
    }

    proptest! {
        #[test]
        fn a_start_is_short_and_read_again_as_it_is(text in any::<String>()) {
            if let Ok(prefix) = EmailPrefix::parse(&text) {
                prop_assert!(prefix.as_str().len() <= Email::MAX_BYTES);
            }
            if let Ok(prefix) = NamePrefix::parse(&text) {
                prop_assert!(prefix.as_str().chars().count() <= DISPLAY_NAME_MAX);
                prop_assert_eq!(NamePrefix::parse(prefix.as_str()), Ok(prefix.clone()));
            }
        }
    }
}
