//! The names of files.

use crate::shared::{InvalidText, Text, string_type};

/// The greatest length of a name in characters.
pub const FILE_NAME_MAX: usize = 255;

string_type! {
    /// The name under which a file is downloaded. It names no folder, and every character of it shows. The server never
    /// uses it as a path.
    FileName
}

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFileName {
    /// The name is not a line of text.
    #[error(transparent)]
    Text(#[from] InvalidText),
    /// The name has a slash or a backslash, or stands for a folder.
    #[error("must be a name without a folder: without / and \\, and neither . nor ..")]
    Folder,
}

impl FileName {
    /// Reads a name of 1 to [`FILE_NAME_MAX`] characters. White space around it is taken away.
    ///
    /// # Errors
    /// [`InvalidFileName`].
    pub fn parse(text: &str) -> Result<Self, InvalidFileName> {
        let name = Text::line(text, FILE_NAME_MAX)?.into_string();
        if name.contains(['/', '\\']) || name == "." || name == ".." {
            return Err(InvalidFileName::Folder);
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_one_line_that_shows_and_names_no_folder() {
        for name in ["a", "Bericht 2026.pdf", "résumé.txt", "写真.jpg", ".profile", "a..b", "…", &"a".repeat(255)]
        {
            assert_eq!(FileName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(FileName::parse("  a.txt ").unwrap().as_str(), "a.txt");
        for name in ["..", ".", "../a", "a/b", "/etc/passwd", "..\\a", "C:\\a"] {
            assert_eq!(FileName::parse(name), Err(InvalidFileName::Folder), "{name}");
        }
        for name in
            ["", " ", "a\0b", "a\nb", "a\r\nSet-Cookie: b", "gpj\u{202E}exe.a", "a\u{200B}b", &"a".repeat(4_096)]
        {
            assert!(matches!(FileName::parse(name), Err(InvalidFileName::Text(_))), "{name:?}");
        }
    }

    proptest! {
        /// Whatever the text is, the name of a file can be the last part of a path and the value of a header.
        #[test]
        fn a_name_has_no_control_character_and_no_folder(text in "(?s).{0,300}") {
            if let Ok(name) = FileName::parse(&text) {
                let name = name.as_str();
                prop_assert!(!name.is_empty() && name.chars().count() <= FILE_NAME_MAX);
                prop_assert!(!name.chars().any(|c| c.is_control() || c == '/' || c == '\\'));
                prop_assert_eq!(FileName::parse(name).unwrap().into_string(), name, "reading it twice changes nothing");
            }
        }
    }
}
