//! The media types of contents.

use crate::shared::string_type;

/// The greatest length of a media type in characters.
pub const MEDIA_TYPE_MAX: usize = 127;

string_type! {
    /// A media type without parameters (RFC 6838), in lower case: `image/png`.
    MediaType
}

/// The text is not a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a media type such as image/png, without parameters")]
pub struct InvalidMediaType;

impl MediaType {
    /// Reads a media type. Capital letters become small.
    ///
    /// # Errors
    /// [`InvalidMediaType`].
    pub fn parse(text: &str) -> Result<Self, InvalidMediaType> {
        let is_name = |name: &str| {
            let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
            first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        match text.split_once('/') {
            Some((kind, name)) if text.len() <= MEDIA_TYPE_MAX && is_name(kind) && is_name(name) => {
                Ok(Self(text.to_ascii_lowercase()))
            }
            _ => Err(InvalidMediaType),
        }
    }

    /// Whether a browser may show the content by itself: it then runs no script and loads nothing. Any other content is
    /// downloaded.
    #[must_use]
    pub fn is_shown_safely(&self) -> bool {
        matches!(self.as_str(), "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "text/plain")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_has_two_names_and_no_parameters() {
        assert_eq!(MediaType::parse("Image/SVG+XML").unwrap().as_str(), "image/svg+xml");
        assert_eq!(MediaType::parse(&format!("a/{}", "b".repeat(125))).unwrap().as_str().len(), MEDIA_TYPE_MAX);
        for wrong in [
            "",
            "image",
            "image/",
            "/png",
            "a/b/c",
            "text/plain; a=b",
            "a b/c",
            "a/\r\n",
            "é/a",
            ".a/b",
            &format!("a/{}", "b".repeat(126)),
        ] {
            assert_eq!(MediaType::parse(wrong), Err(InvalidMediaType), "{wrong}");
        }
    }

    #[test]
    fn contents_that_can_run_scripts_are_never_shown() {
        for media_type in ["text/html", "image/svg+xml", "text/xml", "application/xhtml+xml", "application/pdf"] {
            assert!(!MediaType::parse(media_type).unwrap().is_shown_safely(), "{media_type}");
        }
        assert!(MediaType::parse("image/png").unwrap().is_shown_safely());
    }
}
