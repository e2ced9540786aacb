//! E-mail addresses as the key of an account.

use super::string_type;
use caseless::default_case_fold_str;
use unicode_normalization::{UnicodeNormalization as _, is_nfkc};

string_type! {
    /// An e-mail address in the one form by which accounts are compared: NFC and case-folded.
    ///
    /// Addresses that differ only in case or in the way an accent is composed are the same account. Compatibility
    /// characters (`ﬁ`, full-width letters) and invisible characters are refused, because they make addresses look
    /// alike.
    Email
}

/// The text is not an e-mail address that an account may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct InvalidEmail;

impl Email {
    /// The greatest length of an address in bytes (RFC 5321, 4.5.3.1.3, less the angle brackets).
    pub const MAX_BYTES: usize = 254;
    /// The greatest length of the part before the `@` in bytes (RFC 5321, 4.5.3.1.1).
    pub const MAX_LOCAL_BYTES: usize = 64;

    /// Reads an address as a person types it.
    ///
    /// Accepts the dot-atom form of RFC 5322 with letters of any script (RFC 6531); refuses quoted local parts,
    /// comments, address literals and domains without a dot.
    ///
    /// # Errors
    /// [`InvalidEmail`].
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim_matches(' ');
        if text.len() > Self::MAX_BYTES || !is_nfkc(&text.nfc().collect::<String>()) {
            return Err(InvalidEmail);
        }
        let folded: String = default_case_fold_str(&text.nfc().collect::<String>()).nfc().collect();
        let (local, domain) = folded.rsplit_once('@').ok_or(InvalidEmail)?;
        let fits = folded.len() <= Self::MAX_BYTES && local.len() <= Self::MAX_LOCAL_BYTES;
        if fits && is_local(local) && is_domain(domain) { Ok(Self(folded)) } else { Err(InvalidEmail) }
    }
}

fn is_local(local: &str) -> bool {
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_foreign_letter(c);
    local.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        let letters = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || is_foreign_letter(c));
        !label.is_empty() && label.len() <= 63 && letters && !label.starts_with('-') && !label.ends_with('-')
    };
    domain.contains('.') && domain.split('.').all(label)
}

/// Letters, digits and combining marks of other scripts. Unicode does not count most invisible characters (joiners,
/// variation selectors, bidirectional marks) as letters, but a few invisible fillers are letters, so they are listed.
fn is_foreign_letter(c: char) -> bool {
    let filler = matches!(c, '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{3164}' | '\u{FFA0}' | '\u{FE00}'..='\u{FE0F}' | '\u{180B}'..='\u{180F}' | '\u{E0000}'..='\u{E0FFF}');
    !c.is_ascii() && !filler && (c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_address_are_equal() {
        let one = |text: &str| Email::parse(text).unwrap().as_str().to_owned();
        assert_eq!(one("Ada@Example.COM"), "ada@example.com");
        assert_eq!(one(" ada@example.com "), "ada@example.com");
        assert_eq!(one("ZOE\u{308}@example.com"), one("zo\u{eb}@example.com"));
        assert_eq!(one("STRASSE@example.com"), one("straße@example.com"));
    }

    #[test]
    fn invalid_and_deceptive_addresses_are_refused() {
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a b@example.com",
            "a@b@",
            "a..b@example.com",
            ".a@example.com",
            "ada@-example.com",
            "ada@example..com",
            "\"a b\"@example.com",
            "ada@[127.0.0.1]",
            "ada\0@example.com",
            "ad\u{200B}a@example.com",
            "ad\u{202E}a@example.com",
            "\u{FB01}n@example.com",
            "\u{FF21}da@example.com",
            "ada\u{3164}@example.com",
            "ada@exam\u{ad}ple.com",
            "ada\r\n@example.com",
        ] {
            assert_eq!(Email::parse(text), Err(InvalidEmail), "{text:?}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        assert_eq!(Email::parse(&long), Err(InvalidEmail));
        let long = format!("a@{}com", "abcdefghi.".repeat(26));
        assert_eq!(Email::parse(&long), Err(InvalidEmail));
    }

    proptest! {
        #[test]
        fn reading_twice_changes_nothing(text in "\\PC{1,12}@[a-zA-Z0-9\\-é]{1,8}\\.[a-z]{2,5}") {
            if let Ok(once) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(once.as_str()), Ok(once.clone()));
            }
        }
    }
}
