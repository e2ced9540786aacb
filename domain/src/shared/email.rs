//! E-mail addresses: what an account shows, and the keys by which accounts are found.

mod domain_name;
mod legacy;
mod lookup;

pub use lookup::EmailLookup;

use super::{string_type, text::is_shown};
use caseless::default_case_fold_str;
use unicode_normalization::{UnicodeNormalization as _, is_nfkc};

string_type! {
    /// An e-mail address as its owner typed it: NFC, without spaces around it. It is shown and never compared.
    ShownEmail
}

/// The text is not an e-mail address that an account may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct InvalidEmail;

/// The e-mail address of an account.
///
/// Two addresses are the same if their keys are equal. The key has the local part in NFC and case-folded, and the domain
/// as UTS 46 maps it (without the transitional mappings), in A-labels (`xn--…`). So `ß` stays `ß` in a domain.
///
/// The first versions also folded the domain, which made `ß` to `ss`, and kept `ü` apart from its A-label. An account that they
/// stored keeps its old key, and stays found by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// The key. For an account of the first versions, its old key.
    address: String,
    /// The key. `None` for an account of the first versions whose address has no key, or whose key another account has.
    key: Option<String>,
    /// What was typed. `None` for an account of the first versions, which did not store it.
    typed: Option<String>,
}

impl Email {
    /// The greatest length of an address in bytes (RFC 5321, 4.5.3.1.3, less the angle brackets).
    pub const MAX_BYTES: usize = 254;
    /// The greatest length of the part before the `@` in bytes (RFC 5321, 4.5.3.1.1).
    pub const MAX_LOCAL_BYTES: usize = 64;

    /// The form of an address as a regular expression of ECMA-262: the dot-atom of RFC 5322 with letters of any script
    /// (RFC 6531), and a domain of at least two labels, with any spaces around them. [`Email::parse`] also refuses what a
    /// pattern cannot say.
    pub const PATTERN: &str = concat!(
        r#"^ *[^\x00-\x20"(),.:;<>@\[\\\]\x7f]+(\.[^\x00-\x20"(),.:;<>@\[\\\]\x7f]+)*"#,
        r"@[^\x00-\x2f:-@\[-\x60{-\x7f]([^\x00-\x2c./:-@\[-\x60{-\x7f]{0,61}[^\x00-\x2f:-@\[-\x60{-\x7f])?",
        r"(\.[^\x00-\x2f:-@\[-\x60{-\x7f]([^\x00-\x2c./:-@\[-\x60{-\x7f]{0,61}[^\x00-\x2f:-@\[-\x60{-\x7f])?)+ *$",
    );

    /// Reads the address of a new account, as a person types it.
    ///
    /// Accepts the dot-atom form of RFC 5322 with letters of any script (RFC 6531), and the domain in letters or in
    /// A-labels. Refuses quoted local parts, comments, IP addresses, domains without a dot and a dot at the end.
    /// Compatibility characters (`ﬁ`, full-width letters) and invisible characters are refused, because they make
    /// addresses look alike.
    ///
    /// # Errors
    /// [`InvalidEmail`].
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let key = key(text).filter(|key| is_shown(key)).ok_or(InvalidEmail)?;
        Ok(Self { address: key.clone(), key: Some(key), typed: Some(text.trim_matches(' ').nfc().collect()) })
    }

    /// The address of a stored account, from the values of [`Email::address`], [`Email::key`] and [`Email::typed`].
    #[must_use]
    pub fn stored(address: String, key: Option<String>, typed: Option<String>) -> Self {
        Self { address, key, typed }
    }

    /// The key of a row of the first versions, which may be added to it. `None` if the stored address is not one that an
    /// account may have today.
    #[must_use]
    pub fn key_of(address: &str) -> Option<String> {
        key(address)
    }

    /// The same address with this key.
    #[must_use]
    pub fn with_key(self, key: String) -> Self {
        Self { key: Some(key), ..self }
    }

    /// What every store has kept from the first version on: the old key of an account of the first versions, and the key
    /// of every other account. Unique.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The key, unless it is missing. Unique.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What was typed, if it is known.
    #[must_use]
    pub fn typed(&self) -> Option<&str> {
        self.typed.as_deref()
    }

    /// The old key, which only accounts of the first versions have.
    #[must_use]
    pub fn legacy(&self) -> Option<&str> {
        if self.typed.is_none() { Some(&self.address) } else { None }
    }

    /// The address as it is shown.
    #[must_use]
    pub fn shown(&self) -> ShownEmail {
        ShownEmail(self.typed.as_ref().unwrap_or(&self.address).clone())
    }
}

/// The key of an address.
fn key(text: &str) -> Option<String> {
    let text = text.trim_matches(' ');
    if text.len() > Email::MAX_BYTES {
        return None;
    }
    let text: String = text.nfc().collect();
    if !is_nfkc(&text) {
        return None;
    }
    let (local, domain) = text.rsplit_once('@')?;
    let local: String = default_case_fold_str(local).nfc().collect();
    let key = format!("{local}@{}", domain_name::to_ascii(domain)?);
    let fits = local.len() <= Email::MAX_LOCAL_BYTES && key.len() <= Email::MAX_BYTES;
    (fits && is_local(&local)).then_some(key)
}

fn is_local(local: &str) -> bool {
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_foreign_letter(c);
    local.split('.').all(|part| !part.is_empty() && part.chars().all(atom) && !part.starts_with(is_mark))
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Letters, digits and combining marks of other scripts. Unicode does not count most invisible characters (joiners,
/// variation selectors, bidirectional marks) as letters, but a few invisible fillers are letters, so they are listed.
fn is_foreign_letter(c: char) -> bool {
    let filler = matches!(c, '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{3164}' | '\u{FFA0}' | '\u{FE00}'..='\u{FE0F}' | '\u{180B}'..='\u{180F}' | '\u{E0000}'..='\u{E0FFF}');
    !c.is_ascii() && !filler && (c.is_alphanumeric() || is_mark(c))
}

#[cfg(test)]
mod tests;
