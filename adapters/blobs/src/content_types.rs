//! Judges what a content is by its first bytes.

use skep_application::files::{ContentTypes, SNIFFED_BYTES};
use skep_domain::files::MediaType;

/// Judges contents by the signatures that formats begin with.
#[derive(Debug, Clone, Copy, Default)]
pub struct SniffedTypes;

impl ContentTypes for SniffedTypes {
    fn media_type(&self, beginning: &[u8]) -> MediaType {
        let beginning = &beginning[..beginning.len().min(SNIFFED_BYTES)];
        let known = infer::get(beginning).and_then(|known| MediaType::parse(known.mime_type()).ok());
        known.unwrap_or_else(|| {
            let name = if is_text(beginning) { "text/plain" } else { "application/octet-stream" };
            MediaType::stored(name.to_owned())
        })
    }
}

/// Whether the bytes are text in UTF-8. The last character may be cut off.
fn is_text(bytes: &[u8]) -> bool {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        Err(_) => return false,
    };
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> String {
        SniffedTypes.media_type(bytes).into_string()
    }

    #[test]
    fn a_content_is_what_it_begins_with() {
        assert_eq!(of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "image/png");
        assert_eq!(of(b"\xff\xd8\xff\xe0\0\x10JFIF"), "image/jpeg");
        assert_eq!(of(b"GIF89a\x01\0\x01\0"), "image/gif");
        assert_eq!(of(b"%PDF-1.7\n"), "application/pdf");
        assert_eq!(of(b"<!DOCTYPE html><script>alert(1)</script>"), "text/html");
        assert!(of(b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>").ends_with("xml"));
    }

    #[test]
    fn an_unknown_content_is_text_or_bytes() {
        assert_eq!(of(b""), "text/plain");
        assert_eq!(of("Grüße\r\n\tund Küsse".as_bytes()), "text/plain");
        let cut = &"é".repeat(SNIFFED_BYTES).into_bytes()[..SNIFFED_BYTES - 1];
        assert_eq!(of(cut), "text/plain", "the last character is cut off");
        assert_eq!(of(b"a\0b"), "application/octet-stream");
        assert_eq!(of(b"\xc3("), "application/octet-stream");
        assert_eq!(of(b"\x1b[31m"), "application/octet-stream");
    }
}
