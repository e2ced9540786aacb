//! Text that people type: names, descriptions, codes.

use super::string_type;
use unicode_normalization::UnicodeNormalization as _;

string_type! {
    /// Text that every store keeps unchanged: NFC, trimmed, without control characters. A block may have line breaks
    /// and tabs.
    Text
}

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// The text is empty after trimming, and it must not be.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than allowed.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The greatest number of Unicode scalar values.
        max: usize,
    },
    /// The text has a control character, for example NUL.
    #[error("must not contain control characters")]
    Control,
}

impl Text {
    /// One line of 1 to `max` characters (Unicode scalar values).
    ///
    /// # Errors
    /// [`InvalidText`].
    pub fn line(text: &str, max: usize) -> Result<Self, InvalidText> {
        let text = Self::read(text, max, |_| false)?;
        if text.0.is_empty() { Err(InvalidText::Empty) } else { Ok(text) }
    }

    /// Several lines of at most `max` characters together; may be empty. Tabs and line feeds are allowed.
    ///
    /// # Errors
    /// [`InvalidText`].
    pub fn block(text: &str, max: usize) -> Result<Self, InvalidText> {
        Self::read(text, max, |c| matches!(c, '\n' | '\t' | '\r'))
    }

    fn read(text: &str, max: usize, allowed: impl Fn(char) -> bool) -> Result<Self, InvalidText> {
        let text: String = text.trim().nfc().collect();
        if text.chars().any(|c| c.is_control() && !allowed(c)) {
            return Err(InvalidText::Control);
        }
        if text.chars().count() > max {
            return Err(InvalidText::TooLong { max });
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_has_something_in_it_and_no_control_characters() {
        assert_eq!(Text::line("  ", 5), Err(InvalidText::Empty));
        assert_eq!(Text::line("a\0b", 5), Err(InvalidText::Control));
        assert_eq!(Text::line("a\nb", 5), Err(InvalidText::Control));
        assert_eq!(Text::line("abcdef", 5), Err(InvalidText::TooLong { max: 5 }));
        assert_eq!(Text::line("🐝🐝🐝🐝🐝", 5).unwrap().as_str(), "🐝🐝🐝🐝🐝");
    }

    #[test]
    fn a_block_may_be_empty_and_have_lines() {
        assert_eq!(Text::block("", 5).unwrap().as_str(), "");
        assert_eq!(Text::block("a\nb", 5).unwrap().as_str(), "a\nb");
        assert_eq!(Text::block("a\u{7}b", 5), Err(InvalidText::Control));
    }

    proptest! {
        #[test]
        fn reading_twice_changes_nothing(text in "\\PC{0,40}") {
            if let Ok(once) = Text::line(&text, 100) {
                prop_assert_eq!(Text::line(once.as_str(), 100), Ok(once.clone()));
            }
        }
    }
}
