//! Text that people type: names, descriptions, codes.

mod hidden;

use super::string_type;
use hidden::Hidden;
use unicode_normalization::UnicodeNormalization as _;

string_type! {
    /// Text that every store keeps unchanged: NFC, trimmed, without control characters, and without characters that show
    /// nothing. A block may have line breaks and tabs.
    ///
    /// Texts of the first versions may have hidden characters. They are read as they are.
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
    /// The text has a character that shows nothing in its place: invisible, private, not assigned, a direction that is
    /// not closed, or one that forces the order of letters.
    #[error("must not contain U+{:04X} at character {place}: it shows nothing there", u32::from(*.character))]
    Hidden {
        /// What shows nothing there.
        character: char,
        /// Its place in the trimmed text, from 1.
        place: usize,
    },
    /// The text has a combining mark without a character that it belongs to.
    #[error("must not contain U+{:04X} at character {place}: the mark has no letter", u32::from(*.character))]
    LoneMark {
        /// The mark.
        character: char,
        /// Its place in the trimmed text, from 1.
        place: usize,
    },
}

/// Whether every character of the text shows something in its place.
pub(super) fn is_shown(text: &str) -> bool {
    hidden::find(text, false).is_none()
}

impl Text {
    /// One line of 1 to `max` characters (Unicode scalar values).
    ///
    /// # Errors
    /// [`InvalidText`].
    pub fn line(text: &str, max: usize) -> Result<Self, InvalidText> {
        let text = Self::read(text, max, false)?;
        if text.0.is_empty() { Err(InvalidText::Empty) } else { Ok(text) }
    }

    /// Several lines of at most `max` characters together; may be empty. Tabs and line feeds are allowed, and so are the
    /// invisible characters that say where a line may break.
    ///
    /// # Errors
    /// [`InvalidText`].
    pub fn block(text: &str, max: usize) -> Result<Self, InvalidText> {
        Self::read(text, max, true)
    }

    fn read(text: &str, max: usize, is_block: bool) -> Result<Self, InvalidText> {
        let text: String = text.trim().nfc().collect();
        let allowed = |c: char| is_block && matches!(c, '\n' | '\t' | '\r');
        if text.chars().any(|c| c.is_control() && !allowed(c)) {
            return Err(InvalidText::Control);
        }
        if text.chars().count() > max {
            return Err(InvalidText::TooLong { max });
        }
        match hidden::find(&text, is_block) {
            Some((place, character, Hidden::Mark)) => Err(InvalidText::LoneMark { character, place }),
            Some((place, character, Hidden::Nothing)) => Err(InvalidText::Hidden { character, place }),
            None => Ok(Self(text)),
        }
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

    #[test]
    fn a_refusal_names_the_character_and_its_place() {
        let refusal = |text| Text::line(text, 9).unwrap_err().to_string();
        assert_eq!(refusal(" ab\u{200B}"), "must not contain U+200B at character 3: it shows nothing there");
        assert_eq!(refusal("\u{301}"), "must not contain U+0301 at character 1: the mark has no letter");
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
