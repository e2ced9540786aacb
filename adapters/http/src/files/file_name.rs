//! The names of files in `Content-Disposition` (RFC 6266), in the form of RFC 8187.

use crate::body::MediaType;
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use skep_domain::files::FileName;

/// The characters that RFC 8187 has as they are.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Reads the name of a `Content-Disposition` header. `filename*` wins over `filename`. `None` if the header has no name or
/// cannot be read.
pub(super) fn read(header: &HeaderValue) -> Option<String> {
    let text = str::from_utf8(header.as_bytes()).ok()?;
    let disposition = MediaType::parse(text)?;
    match disposition.parameter("filename*") {
        Some(extended) => {
            let (charset, rest) = extended.split_once('\'')?;
            let (_, name) = rest.split_once('\'')?;
            let name = percent_decode_str(name).decode_utf8().ok().filter(|_| charset.eq_ignore_ascii_case("UTF-8"))?;
            Some(name.into_owned())
        }
        None => disposition.parameter("filename").map(str::to_owned),
    }
}

/// Writes the header for a file that is shown by the browser, or saved. Old clients get a name in ASCII.
pub(super) fn write(name: &FileName, is_shown: bool) -> Option<HeaderValue> {
    let kind = if is_shown { "inline" } else { "attachment" };
    let is_plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%');
    let plain: String = name.as_str().chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let text = if plain == name.as_str() {
        format!("{kind}; filename=\"{plain}\"")
    } else {
        let extended = utf8_percent_encode(name.as_str(), ATTR_CHAR);
        format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{extended}")
    };
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Option<String> {
        read(&HeaderValue::from_bytes(text.as_bytes()).unwrap())
    }

    #[test]
    fn the_extended_name_wins() {
        for (header, name) in [
            ("attachment; filename=a.txt", Some("a.txt")),
            ("attachment; filename=\"a \\\"b\\\".txt\"", Some("a \"b\".txt")),
            ("attachment; FileName=\"résumé.txt\"", Some("résumé.txt")),
            ("attachment; filename=\"x.txt\"; filename*=UTF-8''na%C3%AFve%20file.txt", Some("naïve file.txt")),
            ("attachment; filename*=utf-8'en'a%2Fb; filename=x", Some("a/b")),
            ("attachment; filename*=ISO-8859-1''%E9; filename=x", None),
            ("attachment; filename*=UTF-8''%FF", None),
            ("attachment; filename*=x", None),
            ("attachment", None),
            ("attachment; filename=\"a", None),
        ] {
            assert_eq!(of(header).as_deref(), name, "{header}");
        }
    }

    #[test]
    fn old_clients_get_a_name_in_ascii() {
        let header = |name: &str, is_shown| write(&FileName::parse(name).unwrap(), is_shown).unwrap();
        assert_eq!(header("a b.txt", true), "inline; filename=\"a b.txt\"");
        assert_eq!(
            header("é\"%;.txt", false),
            "attachment; filename=\"___;.txt\"; filename*=UTF-8''%C3%A9%22%25%3B.txt"
        );
    }

    proptest! {
        #[test]
        fn a_name_is_read_back_as_it_was_written(text in "\\PC{1,40}", is_shown: bool) {
            if let Ok(name) = FileName::parse(&text) {
                let header = write(&name, is_shown).unwrap();
                prop_assert_eq!(read(&header), Some(name.into_string()));
            }
        }
    }
}
