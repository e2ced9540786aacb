//! The addresses that mails are sent from and to.

use crate::shared::{Email, InvalidText, Text};
use std::fmt;

/// The address of a mail, possibly with a name that is shown beside it.
///
/// The address follows the rules of accounts ([`Email`]). Its domain is in A-labels, as mail servers want it. No part has
/// a control character, so that no address can add a line to the header of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailAddress {
    name: Option<Text>,
    local: String,
    domain: String,
}

/// The text is not an address that a mail can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMailAddress {
    /// The part that mail servers read is not an address.
    #[error("not an e-mail address")]
    Address,
    /// The name beside the address is not one line of text.
    #[error("the name of the address {0}")]
    Name(#[source] InvalidText),
}

impl MailAddress {
    /// The greatest length of the name in characters.
    pub const NAME_MAX: usize = 100;

    /// Reads an address without a name, such as `ada@example.com`.
    ///
    /// # Errors
    /// [`InvalidMailAddress`].
    pub fn parse(address: &str) -> Result<Self, InvalidMailAddress> {
        let email = Email::parse(address).map_err(|_| InvalidMailAddress::Address)?;
        // The local part stays as its owner writes it: only the owner's server may ignore its case.
        let typed = email.shown().into_string();
        let local = typed.rsplit_once('@').map(|(local, _)| local.to_owned());
        let domain = email.address().rsplit_once('@').map(|(_, domain)| domain.to_owned());
        let (Some(local), Some(domain)) = (local, domain) else { return Err(InvalidMailAddress::Address) };
        Ok(Self { name: None, local, domain })
    }

    /// Reads an address as people write it: `ada@example.com` or `Ada Lovelace <ada@example.com>`. Quotes around the
    /// name are left out.
    ///
    /// # Errors
    /// [`InvalidMailAddress`].
    pub fn parse_named(text: &str) -> Result<Self, InvalidMailAddress> {
        let text = text.trim_matches(' ');
        let Some((name, address)) = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) else {
            return Self::parse(text);
        };
        let name = name.trim_matches(' ');
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        let address = Self::parse(address)?;
        if name.is_empty() { Ok(address) } else { address.named(name) }
    }

    /// The same address with this name: one line of at most [`MailAddress::NAME_MAX`] characters.
    ///
    /// # Errors
    /// [`InvalidMailAddress::Name`].
    pub fn named(self, name: &str) -> Result<Self, InvalidMailAddress> {
        let name = Text::line(name, Self::NAME_MAX).map_err(InvalidMailAddress::Name)?;
        Ok(Self { name: Some(name), ..self })
    }

    /// The name that is shown beside the address.
    #[must_use]
    pub const fn name(&self) -> Option<&Text> {
        self.name.as_ref()
    }

    /// The part before the `@`, as its owner writes it. It may have letters of any script.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The part after the `@`, in A-labels.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

/// The address without its name.
impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_keeps_the_local_part_and_maps_the_domain() {
        let address = MailAddress::parse(" Ada.Lovelace@Bücher.Example").unwrap();
        assert_eq!((address.local(), address.domain()), ("Ada.Lovelace", "xn--bcher-kva.example"));
        assert_eq!(address.to_string(), "Ada.Lovelace@xn--bcher-kva.example");
        assert_eq!(address.name(), None);
    }

    #[test]
    fn a_name_may_stand_before_the_address() {
        for (text, name) in [
            ("Ada Lovelace <ada@example.com>", Some("Ada Lovelace")),
            ("\"Lovelace, Ada\" <ada@example.com>", Some("Lovelace, Ada")),
            ("<ada@example.com>", None),
            ("ada@example.com", None),
        ] {
            let address = MailAddress::parse_named(text).unwrap();
            assert_eq!((address.name().map(Text::as_str), address.to_string().as_str()), (name, "ada@example.com"));
        }
    }

    #[test]
    fn an_address_is_one_mailbox_without_lines_of_its_own() {
        for text in [
            "",
            "ada",
            "ada@localhost",
            "ada@127.0.0.1",
            "ada@example.com, eve@example.com",
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@example.com>\r\nRCPT TO:<eve@example.com",
            "\"a b\"@example.com",
            "ada\0@example.com",
        ] {
            assert_eq!(MailAddress::parse(text), Err(InvalidMailAddress::Address), "{text:?}");
        }
        let named = |name: &str| MailAddress::parse("ada@example.com").unwrap().named(name);
        assert_eq!(named("Ada\r\nBcc: eve@example.com"), Err(InvalidMailAddress::Name(InvalidText::Control)));
        assert_eq!(named(&"a".repeat(101)), Err(InvalidMailAddress::Name(InvalidText::TooLong { max: 100 })));
        assert_eq!(named(" ").unwrap_err().to_string(), "the name of the address must not be empty");
    }

    proptest! {
        #[test]
        fn no_address_has_a_control_character_a_space_or_a_second_at_sign(
            text in "[a-z\\r\\n\\x00 @<>\",:;.]{0,12}@[a-z]{1,3}[\\r\\n\\x00>]?\\.com\\PC?"
        ) {
            if let Ok(address) = MailAddress::parse_named(&text) {
                let shown = address.to_string();
                prop_assert!(!shown.chars().any(|c| c.is_control() || " <>\",:;".contains(c)), "{:?}", shown);
                prop_assert_eq!(shown.matches('@').count(), 1);
                let name = address.name().map(Text::as_str).unwrap_or_default();
                prop_assert!(!name.chars().any(char::is_control), "{:?}", name);
            }
        }
    }
}
