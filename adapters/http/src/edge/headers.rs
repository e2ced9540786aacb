//! The headers that every response has, and `Vary`, which several parts of the edge add to.

use super::request_id::{RequestId, X_REQUEST_ID};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use std::time::Duration;

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// An answer of the API is data. A browser must not load or run anything in it, or show it in a frame.
const API_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// The value of `Strict-Transport-Security`.
pub(crate) fn hsts(max_age: Duration) -> HeaderValue {
    let text = format!("max-age={}; includeSubDomains", max_age.as_secs());
    HeaderValue::from_maybe_shared(text).unwrap_or(HeaderValue::from_static("max-age=0"))
}

/// Sets the security headers. A header that the handler has set stays as it is, except `X-Content-Type-Options`.
pub(crate) fn secure(headers: &mut HeaderMap, hsts: Option<&HeaderValue>) {
    headers.reserve(8);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(API_POLICY);
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(CORP).or_insert(HeaderValue::from_static("same-origin"));
    if let Some(hsts) = hsts {
        headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
}

/// Sets `X-Request-Id`. A caller can name it in a report about this request.
pub(crate) fn identify(headers: &mut HeaderMap, request_id: &RequestId) {
    headers.insert(X_REQUEST_ID, request_id.header_value());
}

/// Adds a name to `Vary`, in one line, because some caches read only the first line.
pub(crate) fn vary(headers: &mut HeaderMap, name: &HeaderName) {
    if !headers.contains_key(VARY) {
        headers.insert(VARY, HeaderValue::from(name.clone()));
        return;
    }
    let before = headers.get_all(VARY).iter().filter_map(|value| value.to_str().ok());
    let mut names: Vec<&str> = before.flat_map(|line| line.split(',')).map(str::trim).collect();
    if !names.iter().any(|known| known.eq_ignore_ascii_case(name.as_str())) {
        names.push(name.as_str());
    }
    if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
        headers.insert(VARY, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ACCEPT_ENCODING, ORIGIN};

    #[test]
    fn vary_has_one_line_and_each_name_once() {
        let mut headers = HeaderMap::new();
        vary(&mut headers, &ORIGIN);
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        for name in [&ACCEPT_ENCODING, &ORIGIN] {
            vary(&mut headers, name);
        }
        assert_eq!(headers.get_all(VARY).iter().collect::<Vec<_>>(), ["origin, Accept-Encoding"]);
    }

    #[test]
    fn headers_of_a_handler_are_kept_except_nosniff() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
        secure(&mut headers, None);
        assert_eq!(headers[CACHE_CONTROL], "max-age=60");
        assert_eq!(headers[CONTENT_SECURITY_POLICY], "default-src 'self'");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn hsts_is_sent_when_configured() {
        let mut headers = HeaderMap::new();
        secure(&mut headers, Some(&hsts(Duration::from_secs(63_072_000))));
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=63072000; includeSubDomains");
    }
}
