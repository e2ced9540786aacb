//! Request ids (`X-Request-Id`) and the W3C trace context (`traceparent`).

use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt::{self, Write as _};

/// The header for the id of a request, in requests and answers.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header for the trace context, in requests and answers.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const MAX_LENGTH: usize = 64;

/// The id of a request: 1 to 64 ASCII letters, digits, `.`, `_` and `-`, so that it is safe in logs and headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Reads an id from elsewhere. `None` if it has other characters or another length.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_header(&HeaderValue::from_str(text).ok()?)
    }

    /// Writes 128 bits that do not repeat, such as a UUID, as an id of 32 hexadecimal digits.
    #[must_use]
    pub fn from_u128(bits: u128) -> Self {
        let mut digits = [0_u8; 32];
        for (index, digit) in digits.iter_mut().enumerate() {
            let nibble = (bits >> (124 - 4 * index)) & 0xf;
            *digit = b"0123456789abcdef"[nibble as usize];
        }
        // Hexadecimal digits are always a valid header value.
        Self(HeaderValue::from_bytes(&digits).unwrap_or(HeaderValue::from_static("0")))
    }

    /// The id in the headers of a request, if there is exactly one and it is safe.
    pub(crate) fn of_request(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(X_REQUEST_ID).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::from_header(value),
            _ => None,
        }
    }

    fn from_header(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        ((1..=MAX_LENGTH).contains(&bytes.len()) && bytes.iter().all(safe)).then(|| Self(value.clone()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A W3C trace context (`traceparent`, version 00).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The id of the trace, not zero.
    pub trace_id: u128,
    /// The id of the parent span, not zero.
    pub parent_id: u64,
    /// The flags. Bit 0 means "sampled".
    pub flags: u8,
}

impl TraceContext {
    /// Parses the value of `traceparent`. `None` if it is not valid.
    ///
    /// Of a later version, the first four fields are read, as the standard requires.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let version = hex(text.get(..2)?)?;
        if version == 0xff || (version == 0 && text.len() != 55) {
            return None;
        }
        if text.len() > 55 && text.as_bytes()[55] != b'-' {
            return None;
        }
        let bytes = text.as_bytes().get(..55)?;
        if bytes[2] != b'-' || bytes[35] != b'-' || bytes[52] != b'-' {
            return None;
        }
        let trace_id = hex(text.get(3..35)?)?;
        let parent_id = u64::try_from(hex(text.get(36..52)?)?).ok()?;
        let flags = u8::try_from(hex(text.get(53..55)?)?).ok()?;
        (trace_id != 0 && parent_id != 0).then_some(Self { trace_id, parent_id, flags })
    }

    /// Whether the trace is recorded.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    pub(crate) fn of_request(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::parse(value.to_str().ok()?),
            _ => None,
        }
    }

    pub(crate) fn header_value(&self) -> Option<HeaderValue> {
        let mut text = String::with_capacity(55);
        write!(text, "{self}").ok()?;
        HeaderValue::from_maybe_shared(text).ok()
    }
}

/// Writes the value of `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

/// Reads at most 32 hexadecimal digits in lower case.
fn hex(text: &str) -> Option<u128> {
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_ids_are_kept_and_others_refused() {
        for id in ["a", "A-b_c.9", &"x".repeat(64)] {
            assert_eq!(RequestId::parse(id).unwrap().as_str(), id);
        }
        for id in ["", "a b", "ä", "a\"", "a\u{1b}[0m", "a/b", &"x".repeat(65)] {
            assert_eq!(RequestId::parse(id), None, "{id:?}");
        }
    }

    #[test]
    fn an_id_sent_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(X_REQUEST_ID, HeaderValue::from_static("a"));
        assert!(RequestId::of_request(&headers).is_some());
        headers.append(X_REQUEST_ID, HeaderValue::from_static("b"));
        assert!(RequestId::of_request(&headers).is_none());
    }

    #[test]
    fn new_ids_have_32_digits() {
        assert_eq!(
            RequestId::from_u128(0x0123_4567_89ab_cdef_0000_0000_0000_00ff).as_str(),
            "0123456789abcdef00000000000000ff"
        );
    }

    #[test]
    fn traceparent_round_trips() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::parse(text).unwrap();
        assert!(context.is_sampled());
        assert_eq!(context.to_string(), text);
        let later = format!("cc{}-what-comes", &text[2..]);
        assert_eq!(TraceContext::parse(&later), Some(context));
    }

    #[test]
    fn invalid_traceparents_are_refused() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }
}
