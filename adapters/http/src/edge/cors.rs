//! Cross-origin requests. Only the origins on a list may call, and they are compared exactly.

use super::headers::vary;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    },
};
use std::{fmt, str::FromStr, time::Duration};

/// The request headers that a script in a browser may set: those of the API, of uploads in pieces (tus), and of traces
/// (W3C Trace Context and Baggage). A deployment can add others.
const ALLOW_HEADERS: &str = "authorization, content-type, idempotency-key, if-match, if-none-match, tus-resumable, \
                             upload-checksum, upload-length, upload-metadata, upload-offset, baggage, traceparent, \
                             tracestate, x-request-id";

/// The response headers that a script in a browser may read.
const EXPOSE_HEADERS: &str = "etag, link, location, ratelimit, ratelimit-policy, retry-after, tus-checksum-algorithm, \
                              tus-extension, tus-max-size, tus-resumable, tus-version, upload-expires, upload-length, \
                              upload-metadata, upload-offset, traceparent, tracestate, x-request-id";

/// An origin: scheme, host and port. Origins are compared part by part, never as a text pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

/// The text is not an origin. The message has the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an origin such as https://shop.example, without wildcard or path, got `{0}`")]
pub struct ParseOriginError(String);

impl Origin {
    fn matches(&self, parts: Parts<'_>) -> bool {
        self.port == parts.port
            && self.scheme.eq_ignore_ascii_case(parts.scheme)
            && self.host.eq_ignore_ascii_case(parts.host)
    }
}

impl FromStr for Origin {
    type Err = ParseOriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = Parts::parse(text).ok_or_else(|| ParseOriginError(text.to_owned()))?;
        Ok(Self { scheme: parts.scheme.to_ascii_lowercase(), host: parts.host.to_ascii_lowercase(), port: parts.port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match self.port {
            Some(port) if default_port(&self.scheme) != Some(port) => write!(f, ":{port}"),
            _ => Ok(()),
        }
    }
}

/// The borrowed parts of an origin. `port` is the default port of the scheme if the text has none.
#[derive(Clone, Copy)]
struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Parts<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let (first, others) = scheme.as_bytes().split_first()?;
        if !first.is_ascii_alphabetic()
            || !others.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
        {
            return None;
        }
        let (host, port) = super::authority::split_authority(authority)?;
        Some(Self { scheme, host, port: port.or_else(|| default_port(scheme)) })
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    if scheme.eq_ignore_ascii_case("https") {
        Some(443)
    } else if scheme.eq_ignore_ascii_case("http") {
        Some(80)
    } else {
        None
    }
}

/// The origins that may call, and the rules for them.
#[derive(Clone, Debug)]
pub struct Cors {
    origins: Vec<Origin>,
    credentials: bool,
    max_age: HeaderValue,
    /// The names of the request headers that are allowed, with commas between them.
    headers: HeaderValue,
}

impl Cors {
    /// Allows these origins, without cookies. Browsers may remember a preflight for ten minutes.
    #[must_use]
    pub fn new(origins: impl IntoIterator<Item = Origin>) -> Self {
        Self {
            origins: origins.into_iter().collect(),
            credentials: false,
            max_age: HeaderValue::from(600),
            headers: HeaderValue::from_static(ALLOW_HEADERS),
        }
    }

    /// Allows further request headers, such as those of a tracing tool.
    #[must_use]
    pub fn with_headers(mut self, names: &[HeaderName]) -> Self {
        let known = self.headers.to_str().unwrap_or_default();
        let all = names.iter().fold(known.to_owned(), |list, name| format!("{list}, {name}"));
        if let Ok(headers) = HeaderValue::try_from(all) {
            self.headers = headers;
        }
        self
    }

    /// Sets whether a script may send cookies and read the answer.
    #[must_use]
    pub fn with_credentials(mut self, credentials: bool) -> Self {
        self.credentials = credentials;
        self
    }

    /// Sets how long a browser may remember a preflight: whole seconds, at most a day.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = HeaderValue::from(max_age.as_secs().min(86_400));
        self
    }

    /// The request's origin, if it is on the list.
    pub(crate) fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut values = headers.get_all(ORIGIN).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let parts = Parts::parse(value.to_str().ok()?)?;
        self.origins.iter().any(|origin| origin.matches(parts)).then(|| value.clone())
    }

    /// Adds the headers that let an allowed origin read the response.
    pub(crate) fn decorate(&self, origin: Option<HeaderValue>, response: &mut HeaderMap) {
        // Also if the request has no origin, because a cache must not give this answer to one that has.
        vary(response, &ORIGIN);
        let Some(origin) = origin else {
            return;
        };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSE_HEADERS));
        if self.credentials {
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// Adds the permissions to the answer of a preflight, if everything that it asks for is allowed.
    pub(crate) fn preflight(
        &self,
        request: &HeaderMap,
        is_served: impl Fn(&Method) -> bool,
        allow: &HeaderValue,
        response: &mut HeaderMap,
    ) {
        let method =
            request.get(ACCESS_CONTROL_REQUEST_METHOD).and_then(|value| Method::from_bytes(value.as_bytes()).ok());
        if !method.is_some_and(|method| is_served(&method)) || !self.allows_headers(request) {
            return;
        }
        response.insert(ACCESS_CONTROL_ALLOW_METHODS, allow.clone());
        response.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
        response.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
    }

    fn allows_headers(&self, request: &HeaderMap) -> bool {
        let allowed = self.headers.to_str().unwrap_or_default();
        request.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().all(|line| {
            line.to_str().is_ok_and(|line| {
                line.split(',')
                    .map(str::trim)
                    .all(|name| name.is_empty() || allowed.split(", ").any(|known| known.eq_ignore_ascii_case(name)))
            })
        })
    }
}

/// Whether the request is a preflight rather than a plain OPTIONS.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::VARY;

    fn cors() -> Cors {
        Cors::new(["https://shop.example", "http://localhost:5173"].map(|o| o.parse().unwrap()))
    }

    fn with_origin(origin: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_bytes(origin).unwrap());
        headers
    }

    #[test]
    fn listed_origins_are_allowed() {
        for origin in
            ["https://shop.example", "https://shop.example:443", "https://SHOP.example", "http://localhost:5173"]
        {
            let allowed = cors().allowed_origin(&with_origin(origin.as_bytes()));
            assert_eq!(allowed.unwrap(), origin, "{origin}");
        }
    }

    #[test]
    fn every_other_origin_is_refused() {
        for origin in [
            &b"null"[..],
            b"https://shop.example.evil.test",
            b"https://evil.test/shop.example",
            b"https://evilshop.example",
            b"http://shop.example",
            b"https://shop.example:8443",
            b"https://shop.example/",
            b"https://user@shop.example",
            b"http://localhost",
            b"https://\xff\xfe.test",
            b"https://",
            b"://shop.example",
            b"",
        ] {
            assert_eq!(cors().allowed_origin(&with_origin(origin)), None, "{origin:?}");
        }
    }

    #[test]
    fn configured_origins_must_be_exact() {
        for text in ["*", "null", "https://*.shop.example", "https://a/b", "shop.example", "https://a:0x50"] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
        assert_eq!("HTTPS://A:443".parse::<Origin>().unwrap().to_string(), "https://a");
        assert_eq!("app://local".parse::<Origin>().unwrap().to_string(), "app://local");
    }

    #[test]
    fn responses_vary_by_origin_and_allow_only_listed_origins() {
        let mut response = HeaderMap::new();
        cors().decorate(None, &mut response);
        assert_eq!(response[VARY], "origin");
        assert!(!response.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));

        let origin = HeaderValue::from_static("https://shop.example");
        let mut response = HeaderMap::new();
        cors().with_credentials(true).decorate(Some(origin.clone()), &mut response);
        assert_eq!(response[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        assert_eq!(response[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
    }

    #[test]
    fn a_preflight_is_allowed_only_as_a_whole() {
        let preflight = |method: &'static str, headers: &'static str| {
            let mut request = HeaderMap::new();
            request.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static(method));
            request.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(headers));
            let mut response = HeaderMap::new();
            let allow = HeaderValue::from_static("GET, PUT");
            let cors = cors().with_headers(&[HeaderName::from_static("sentry-trace"), HeaderName::from_static("b3")]);
            cors.preflight(&request, |method| method == Method::GET || method == Method::PUT, &allow, &mut response);
            response
        };
        let response = preflight("PUT", "Content-Type, if-match");
        assert!(response[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap().ends_with(", sentry-trace, b3"));
        assert!(!preflight("PUT", "B3, Sentry-Trace").is_empty());
        assert_eq!(response[ACCESS_CONTROL_ALLOW_METHODS], "GET, PUT");
        assert_eq!(response[ACCESS_CONTROL_MAX_AGE], "600");
        assert!(preflight("DELETE", "content-type").is_empty());
        assert!(preflight("PUT", "x-secret").is_empty());
        assert_eq!(preflight("PUT", "baggage,traceparent, tracestate")[ACCESS_CONTROL_MAX_AGE], "600");
    }
}
