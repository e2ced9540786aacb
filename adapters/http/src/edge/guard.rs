//! The request guard. Before anything else reads a request, it refuses one that two servers could read in different
//! ways.

use super::{authority::split_authority, head_scanner::HeadFaults, limits::Limits};
use crate::problem::{Problem, code};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri, Version,
    header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING},
    request::Parts,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The headers that must not be repeated. Of two values, some servers take the first and some take the last.
const SINGLE: [HeaderName; 5] = [AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, IDEMPOTENCY_KEY, ORIGIN];

/// The headers that a client must not name in `Connection`, because a proxy would remove them.
const END_TO_END: [&str; 11] = [
    "authorization",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "origin",
    "x-forwarded-for",
    "x-request-id",
];

/// The facts about a head as it arrived, which its parts no longer show.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    /// The length of the request target.
    pub(crate) target_bytes: usize,
    /// What the scanner has found in this head, or in another one of its connection.
    pub(crate) faults: HeadFaults,
}

/// The length of a request target in bytes.
pub(crate) fn target_bytes(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |target| target.as_str().len())
        + uri.authority().map_or(0, |authority| authority.as_str().len())
}

/// Checks the head of a request.
pub(crate) fn check(parts: &Parts, limits: &Limits, received: Received) -> Result<(), Problem> {
    if received.target_bytes > limits.max_target_bytes {
        return Err(Problem::of(code::TARGET_TOO_LONG));
    }
    header_size(&parts.headers, limits)?;
    if received.faults.fragment {
        return Err(refuse("the request target has a fragment"));
    }
    framing(&parts.headers, received.faults.conflict)?;
    host(parts)?;
    if parts.headers.len() != parts.headers.keys_len() {
        single_headers(&parts.headers)?;
    }
    connection_options(&parts.headers)?;
    if parts.uri.path() == "*" && parts.method != Method::OPTIONS {
        return Err(refuse("only OPTIONS may have the request target *"));
    }
    path(parts.uri.path())
}

fn refuse(detail: &'static str) -> Problem {
    Problem::of(code::BAD_REQUEST).with_detail(detail)
}

fn header_size(headers: &HeaderMap, limits: &Limits) -> Result<(), Problem> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if headers.len() > limits.max_headers || bytes > limits.max_header_bytes {
        return Err(Problem::of(code::HEADERS_TOO_LARGE));
    }
    Ok(())
}

fn framing(headers: &HeaderMap, conflicting_lengths: bool) -> Result<(), Problem> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Ok(());
    };
    if conflicting_lengths || headers.contains_key(CONTENT_LENGTH) {
        return Err(refuse("the request has both transfer-encoding and content-length"));
    }
    if codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err(refuse("the only supported transfer-encoding is chunked"));
    }
    Ok(())
}

/// Requires exactly one host for HTTP/1.1 and later. An authority in the target must be the same.
fn host(parts: &Parts) -> Result<(), Problem> {
    let mut values = parts.headers.get_all(HOST).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(refuse("the request has more than one host header"));
    }
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    if let Some(value) = value {
        let text = value.to_str().ok();
        let valid = text.is_some_and(|text| split_authority(text).is_some());
        if !valid {
            return Err(refuse("the host header is not a host"));
        }
        if let (Some(authority), Some(text)) = (authority, text)
            && !authority.eq_ignore_ascii_case(text)
        {
            return Err(refuse("the host header and the request target differ"));
        }
        return Ok(());
    }
    match authority {
        // The `:authority` of HTTP/2 is the authority of the URI.
        Some(authority) if parts.version >= Version::HTTP_2 => {
            split_authority(authority).map(|_| ()).ok_or_else(|| refuse("the authority is not a host"))
        }
        _ if parts.version == Version::HTTP_10 => Ok(()),
        _ => Err(refuse("the request has no host header")),
    }
}

fn single_headers(headers: &HeaderMap) -> Result<(), Problem> {
    for name in &SINGLE {
        if headers.get_all(name).iter().nth(1).is_some() {
            return Err(
                Problem::of(code::BAD_REQUEST).with_detail(format!("the request has more than one {name} header"))
            );
        }
    }
    Ok(())
}

fn connection_options(headers: &HeaderMap) -> Result<(), Problem> {
    let names_end_to_end = |value: &HeaderValue| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|option| END_TO_END.iter().any(|name| option.eq_ignore_ascii_case(name.as_bytes())))
    };
    if headers.get_all(CONNECTION).iter().any(names_end_to_end) {
        return Err(refuse("the connection header names an end-to-end header"));
    }
    Ok(())
}

/// Requires a path in ASCII whose percent-encoding decodes to UTF-8 without NUL.
fn path(path: &str) -> Result<(), Problem> {
    if !path.is_ascii() {
        return Err(refuse("the path has characters that must be percent-encoded"));
    }
    if !path.contains('%') {
        return Ok(());
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let digits = (hex(bytes.next()), hex(bytes.next()));
            let (Some(high), Some(low)) = digits else {
                return Err(refuse("the path has a malformed percent-encoding"));
            };
            high << 4 | low
        } else {
            byte
        });
    }
    if decoded.contains(&0) {
        return Err(refuse("the path contains a NUL character"));
    }
    if std::str::from_utf8(&decoded).is_err() {
        return Err(refuse("the path is not valid UTF-8"));
    }
    Ok(())
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(byte: Option<u8>) -> Option<u8> {
    match byte? {
        byte @ b'0'..=b'9' => Some(byte - b'0'),
        byte @ b'a'..=b'f' => Some(byte - b'a' + 10),
        byte @ b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn status(parts: &Parts) -> u16 {
        let received = Received { target_bytes: target_bytes(&parts.uri), ..Received::default() };
        match check(parts, &Limits::default(), received) {
            Ok(()) => 200,
            Err(problem) => problem.status().as_u16(),
        }
    }

    #[test]
    fn ordinary_requests_pass() {
        assert_eq!(status(&parts("/a?b=c", &[("host", "shop.example")])), 200);
        assert_eq!(status(&parts("/%C3%A4", &[("host", "[::1]:8080")])), 200);
        let absolute = parts("http://Shop.example/a", &[("host", "shop.example")]);
        assert_eq!(status(&absolute), 200);
    }

    #[test]
    fn exactly_one_valid_host_is_required() {
        for headers in [
            &[][..],
            &[("host", "a"), ("host", "a")],
            &[("host", "")],
            &[("host", "a b")],
            &[("host", "user@a")],
            &[("host", "a/b")],
            &[("host", "a:b")],
            &[("host", "a:99999")],
            &[("host", "[::1")],
            &[("host", "[zz]")],
        ] {
            assert_eq!(status(&parts("/", headers)), 400, "{headers:?}");
        }
        assert_eq!(status(&parts("http://evil.test/", &[("host", "a")])), 400);
    }

    #[test]
    fn http_1_0_and_http_2_follow_their_own_rules() {
        let mut old = parts("/", &[]);
        old.version = Version::HTTP_10;
        assert_eq!(status(&old), 200);
        let mut new = parts("http://a/", &[]);
        new.version = Version::HTTP_2;
        assert_eq!(status(&new), 200);
        let mut bare = parts("/", &[]);
        bare.version = Version::HTTP_2;
        assert_eq!(status(&bare), 400);
    }

    #[test]
    fn sizes_are_limited() {
        let limits = Limits::default();
        let long = format!("/{}", "a".repeat(limits.max_target_bytes));
        assert_eq!(status(&parts(&long, &[("host", "a")])), 414);
        let long = format!("/{}", "a".repeat(limits.max_target_bytes - 1));
        assert_eq!(status(&parts(&long, &[("host", "a")])), 200);
        let big = "a".repeat(limits.max_header_bytes);
        assert_eq!(status(&parts("/", &[("host", "a"), ("x", &big)])), 431);
        let many = vec![("x", "1"); limits.max_headers];
        let many: Vec<_> = many.into_iter().chain([("host", "a")]).collect();
        assert_eq!(status(&parts("/", &many)), 431);
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        let host = ("host", "a");
        for headers in [
            &[host, ("transfer-encoding", "chunked"), ("content-length", "1")][..],
            &[host, ("transfer-encoding", "gzip, chunked")],
            &[host, ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            &[host, ("content-length", "1"), ("content-length", "1")],
        ] {
            assert_eq!(status(&parts("/", headers)), 400, "{headers:?}");
        }
        let chunked = parts("/", &[host, ("transfer-encoding", "Chunked")]);
        assert_eq!(status(&chunked), 200);
        let conflicting = Received { faults: HeadFaults { conflict: true, fragment: false }, target_bytes: 1 };
        assert!(check(&chunked, &Limits::default(), conflicting).is_err());
        // The flag is for a chunked request. A request before it on the connection is not refused.
        assert!(check(&parts("/", &[host]), &Limits::default(), conflicting).is_ok());
        let cut = Received { faults: HeadFaults { conflict: false, fragment: true }, target_bytes: 1 };
        assert!(check(&parts("/", &[host]), &Limits::default(), cut).is_err());
    }

    #[test]
    fn repeated_credentials_and_stripped_headers_are_refused() {
        let host = ("host", "a");
        let twice = [host, ("authorization", "x"), ("authorization", "y")];
        assert_eq!(status(&parts("/", &twice)), 400);
        let stripped = [host, ("connection", "keep-alive, Authorization")];
        assert_eq!(status(&parts("/", &stripped)), 400);
        let usual = [host, ("connection", "keep-alive, te"), ("accept", "a"), ("accept", "b")];
        assert_eq!(status(&parts("/", &usual)), 200);
    }

    #[test]
    fn paths_must_decode() {
        for path in ["/%00", "/a%2", "/%zz", "/%ff", "/%C3", "/a%"] {
            assert_eq!(status(&parts(path, &[("host", "a")])), 400, "{path}");
        }
    }
}
