//! A mail: one message to one recipient.

use super::MailAddress;
use crate::shared::{InvalidText, Text, string_type};

/// The greatest length of a subject in characters.
pub const SUBJECT_MAX: usize = 200;
/// The greatest length of the text and of the HTML of a mail in bytes, each.
pub const MAIL_PART_MAX: usize = 256 * 1024;

/// The subject of a mail: one line of 1 to [`SUBJECT_MAX`] characters without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(Text);

impl Subject {
    /// Reads a subject.
    ///
    /// # Errors
    /// [`InvalidText`].
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        Text::line(text, SUBJECT_MAX).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The text or the HTML of a mail. Its lines end with LF. It has no control characters except LF and tabs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailPart(String);

/// Why a text cannot be a part of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMailPart {
    /// Nothing would be shown.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than [`MAIL_PART_MAX`].
    #[error("must have at most {MAIL_PART_MAX} bytes")]
    TooLong,
    /// The text has a control character other than line breaks and tabs.
    #[error("must not contain control characters")]
    Control,
}

impl MailPart {
    /// Reads a part. CRLF and a single CR become LF.
    ///
    /// # Errors
    /// [`InvalidMailPart`].
    pub fn parse(text: &str) -> Result<Self, InvalidMailPart> {
        if text.len() > MAIL_PART_MAX {
            return Err(InvalidMailPart::TooLong);
        }
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        if text.trim().is_empty() {
            return Err(InvalidMailPart::Empty);
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err(InvalidMailPart::Control);
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

string_type! {
    /// A key that stays the same however often a mail is sent, such as `order_placed.0192a3b4-…`. The `Message-ID` is made
    /// from it. 1 to [`MessageKey::MAX`] ASCII letters, digits, `-` and `_`, with single dots between them.
    MessageKey
}

/// The text is not the key of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 100 ASCII letters, digits, `-` and `_`, with single dots between them")]
pub struct InvalidMessageKey;

impl MessageKey {
    /// The greatest length in characters.
    pub const MAX: usize = 100;

    /// Reads a key.
    ///
    /// # Errors
    /// [`InvalidMessageKey`].
    pub fn parse(text: &str) -> Result<Self, InvalidMessageKey> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_key = text.len() <= Self::MAX && text.split('.').all(|word| !word.is_empty() && word.bytes().all(plain));
        if is_key { Ok(Self(text.to_owned())) } else { Err(InvalidMessageKey) }
    }
}

/// A mail to one recipient. Mails with several recipients do not exist, so that no customer sees the address of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Stays the same if the mail is sent again.
    pub key: MessageKey,
    /// The shop.
    pub from: MailAddress,
    /// The recipient.
    pub to: MailAddress,
    /// The address that answers go to, if it is another one than `from`.
    pub reply_to: Option<MailAddress>,
    /// The line that mail programs list.
    pub subject: Subject,
    /// The mail as plain text.
    pub text: MailPart,
    /// The mail as HTML, for programs that show it.
    pub html: Option<MailPart>,
}

impl Mail {
    /// The `Message-ID` (RFC 5322, 3.6.4), which is the same each time the mail is sent.
    #[must_use]
    pub fn message_id(&self) -> String {
        format!("<{}@{}>", self.key, self.from.domain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_subject_is_one_line() {
        assert_eq!(Subject::parse(" Ihre Bestellung 🐝 ").unwrap().as_str(), "Ihre Bestellung 🐝");
        assert_eq!(Subject::parse("Hello\r\nBcc: eve@example.com"), Err(InvalidText::Control));
        assert_eq!(Subject::parse(""), Err(InvalidText::Empty));
        assert!(Subject::parse(&"a".repeat(200)).is_ok());
        assert_eq!(Subject::parse(&"a".repeat(201)), Err(InvalidText::TooLong { max: 200 }));
    }

    #[test]
    fn a_part_has_unix_lines_and_something_in_it() {
        assert_eq!(MailPart::parse("a\r\nb\rc\n.\td").unwrap().as_str(), "a\nb\nc\n.\td");
        assert_eq!(MailPart::parse(" \r\n"), Err(InvalidMailPart::Empty));
        assert_eq!(MailPart::parse("a\0"), Err(InvalidMailPart::Control));
        assert_eq!(MailPart::parse("a\u{85}"), Err(InvalidMailPart::Control));
        assert!(MailPart::parse(&"a".repeat(MAIL_PART_MAX)).is_ok());
        assert_eq!(MailPart::parse(&"a".repeat(MAIL_PART_MAX + 1)), Err(InvalidMailPart::TooLong));
    }

    #[test]
    fn the_message_id_follows_from_the_key_and_the_sender() {
        let address = MailAddress::parse("shop@Bücher.example").unwrap();
        let mail = Mail {
            key: MessageKey::parse("order_placed.7f").unwrap(),
            from: address.clone(),
            to: address,
            reply_to: None,
            subject: Subject::parse("Hello").unwrap(),
            text: MailPart::parse("Hello").unwrap(),
            html: None,
        };
        assert_eq!(mail.message_id(), "<order_placed.7f@xn--bcher-kva.example>");
    }

    #[test]
    fn a_key_is_an_atom_with_dots() {
        for text in ["a", "order_placed.0192a3b4-c5d6", &"a".repeat(100)] {
            assert!(MessageKey::parse(text).is_ok(), "{text}");
        }
        for text in ["", ".a", "a.", "a..b", "a b", "a>", "a@b", "ä", "a\r\n", &"a".repeat(101)] {
            assert_eq!(MessageKey::parse(text), Err(InvalidMessageKey), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_value_of_the_header_has_a_control_character(text in "[a-z<>.\\r\\n\\x00\\x0b\\x7f\u{85}\u{2028} ]{0,20}") {
            let subject = Subject::parse(&text).map(|subject| subject.as_str().to_owned()).unwrap_or_default();
            let key = MessageKey::parse(&text).map(MessageKey::into_string).unwrap_or_default();
            prop_assert!(!(subject + &key).chars().any(char::is_control));
        }

        #[test]
        fn reading_a_part_twice_changes_nothing(text in "[a-z.\\r\\n\\t ]{0,20}") {
            if let Ok(once) = MailPart::parse(&text) {
                prop_assert!(!once.as_str().contains('\r'));
                prop_assert_eq!(MailPart::parse(once.as_str()), Ok(once.clone()));
            }
        }
    }
}
