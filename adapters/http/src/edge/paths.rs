//! One spelling for each path.
//!
//! Two paths that differ only in whether an unreserved character is percent-encoded are the same (RFC 3986, 6.2.2.2).
//! The edge decodes such characters once, before anything reads the path. So routes, limits and permissions are decided
//! on the same text, and no spelling goes around one of them. Other characters stay encoded: an encoded slash is a part
//! of its segment, and does not separate two.

use super::guard::hex;
use http::{Uri, uri::PathAndQuery};

/// Decodes the unreserved characters of the path. A path with a malformed encoding stays as it is, and the guard refuses
/// it.
pub(crate) fn normalize(uri: &mut Uri) {
    let Some(path) = decoded(uri.path()) else { return };
    let path = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = PathAndQuery::try_from(path).ok();
    *uri = Uri::from_parts(parts).unwrap_or_default();
}

/// The path with decoded unreserved characters; `None` if it has none that are encoded.
fn decoded(path: &str) -> Option<String> {
    if !path.contains('%') {
        return None;
    }
    let (mut text, mut rest) = (String::with_capacity(path.len()), path);
    while let Some((before, behind)) = rest.split_once('%') {
        text.push_str(before);
        let digits = behind.as_bytes();
        // A malformed path is not repaired.
        let (high, low) = hex(digits.first().copied()).zip(hex(digits.get(1).copied()))?;
        match high << 4 | low {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                text.push(char::from(byte));
                rest = &behind[2..];
            }
            _ => {
                text.push('%');
                rest = behind;
            }
        }
    }
    text.push_str(rest);
    (text != path).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(uri: &str) -> String {
        let mut uri: Uri = uri.parse().unwrap();
        normalize(&mut uri);
        uri.to_string()
    }

    #[test]
    fn unreserved_characters_are_decoded_once() {
        for (uri, expected) in [
            ("/api/v1/%70roducts", "/api/v1/products"),
            ("/%61%70i/v1/%6frders?%6Cimit=1", "/api/v1/orders?%6Cimit=1"),
            ("/%7Euser/a%2Db%5F%2e", "/~user/a-b_."),
            ("/%2570roducts", "/%2570roducts"),
            ("/a%2Fb%2fc", "/a%2Fb%2fc"),
            ("/%3F%23%25%20%C3%A4%3b", "/%3F%23%25%20%C3%A4%3b"),
            ("/plain?a=%61", "/plain?a=%61"),
            ("http://a.test:80/%61?b", "http://a.test:80/a?b"),
            ("/%zz%6", "/%zz%6"),
            ("/%6%61", "/%6%61"),
            ("/%61%6", "/%61%6"),
        ] {
            assert_eq!(normal(uri), expected, "{uri}");
        }
    }
}
