//! The `Range` of a request (RFC 9110, 14).

use http::{
    HeaderMap,
    header::{IF_RANGE, RANGE},
};
use std::ops::Range;

/// The bytes that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of them. So is a `Range` in another unit, one with several parts, and one that cannot be read.
    All,
    /// A part, which exists.
    Part(Range<u64>),
    /// A part of which no byte exists.
    Missing,
}

/// The bytes of a content with this size and entity tag that the request asks for. A content with another tag than that of
/// `If-Range` is sent as a whole.
pub(super) fn asked(headers: &HeaderMap, size: u64, etag: &str) -> Asked {
    let is_same = |tag: &http::HeaderValue| tag.as_bytes() == etag.as_bytes();
    let holds = headers.get(IF_RANGE).is_none_or(is_same);
    let mut lines = headers.get_all(RANGE).iter();
    let (Some(line), None, true) = (lines.next(), lines.next(), holds) else { return Asked::All };
    line.to_str().ok().and_then(|text| parse(text, size)).unwrap_or(Asked::All)
}

fn parse(text: &str, size: u64) -> Option<Asked> {
    let (unit, range) = text.split_once('=')?;
    let (first, last) = range.trim().split_once('-').filter(|_| unit.eq_ignore_ascii_case("bytes"))?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number that is too large is beyond any end.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = if first.is_empty() {
        let length = number(last)?;
        if length == 0 { size..size } else { size.saturating_sub(length)..size }
    } else {
        let start = number(first)?;
        let end = if last.is_empty() { size } else { number(last).filter(|last| *last >= start)?.saturating_add(1) };
        start..end.min(size)
    };
    Some(if range.start < range.end { Asked::Part(range) } else { Asked::Missing })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn of(range: &str, if_range: Option<&'static str>, size: u64) -> Asked {
        let mut headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_str(range).unwrap())]);
        headers.extend(if_range.map(|tag| (IF_RANGE, HeaderValue::from_static(tag))));
        asked(&headers, size, "\"a\"")
    }

    #[test]
    fn one_range_of_bytes_is_read() {
        for (text, expected) in [
            ("bytes=0-0", Asked::Part(0..1)),
            ("Bytes=2-", Asked::Part(2..10)),
            ("bytes=2-99", Asked::Part(2..10)),
            ("bytes=9-18446744073709551616", Asked::Part(9..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-99", Asked::Part(0..10)),
            ("bytes=10-", Asked::Missing),
            ("bytes=10-12", Asked::Missing),
            ("bytes=-0", Asked::Missing),
            ("bytes=5-4", Asked::All),
            ("bytes=0-1,4-5", Asked::All),
            ("bytes=-", Asked::All),
            ("bytes=a-b", Asked::All),
            ("bytes=+1-2", Asked::All),
            ("items=0-1", Asked::All),
            ("bytes", Asked::All),
        ] {
            assert_eq!(of(text, None, 10), expected, "{text}");
        }
        assert_eq!(of("bytes=0-", None, 0), Asked::Missing);
        assert_eq!(of("bytes=-1", None, 0), Asked::Missing);
    }

    #[test]
    fn a_range_of_another_version_is_ignored() {
        assert_eq!(of("bytes=0-0", Some("\"a\""), 10), Asked::Part(0..1));
        for tag in ["\"b\"", "W/\"a\"", "Sat, 29 Oct 1994 19:43:31 GMT", "a"] {
            assert_eq!(of("bytes=0-0", Some(tag), 10), Asked::All, "{tag}");
        }
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_and_never_beyond_the_end(text in "bytes=[0-9]{0,3}-[0-9]{0,3}", size in 0_u64..200) {
            if let Asked::Part(part) = of(&text, None, size) {
                prop_assert!(part.start < part.end && part.end <= size);
            }
        }
    }
}
