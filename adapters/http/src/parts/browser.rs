//! Sessions of browsers: the cookies of a request, the site that a request comes from, and the headers that set and clear
//! the cookies.

use super::state::State;
use crate::{
    edge::Origin,
    problem::{Problem, code},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{COOKIE, HOST, ORIGIN},
};
use poem::{FromRequest, Request, RequestBody, Result, web::Data};
use std::{sync::Arc, time::Duration};

/// The name of the session cookie with https. The prefix makes browsers take the cookie only with `Secure`, for the whole host,
/// and from the host itself, so no other host of the domain and no page without TLS can plant one (RFC 6265bis, 4.1.3).
const SECURE_NAME: &str = "__Host-skep_session";
/// The name of the session cookie without https, with which browsers refuse `Secure` and so the prefix.
const PLAIN_NAME: &str = "skep_session";
/// The name of the cookie with the token of the device, with https.
const SECURE_DEVICE: &str = "__Host-skep_device";
/// The same without https.
const PLAIN_DEVICE: &str = "skep_device";
/// The greatest length of a value that is looked at, in bytes.
const MOST: usize = 256;
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The header with the token against forged requests.
const X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// How this deployment treats browsers.
#[derive(Debug, Clone)]
pub(crate) struct Browsers {
    /// The origin of the deployment; `None` if it is only known from the `Host` of each request.
    origin: Option<Origin>,
    is_secure: bool,
}

impl Browsers {
    /// The rules of a deployment that browsers reach at this address.
    pub(crate) fn at(public_url: Option<&str>) -> Self {
        let is_secure = public_url.is_some_and(|url| url.starts_with("https://"));
        Self { origin: public_url.and_then(|url| url.parse().ok()), is_secure }
    }

    const fn name(&self) -> &'static str {
        if self.is_secure { SECURE_NAME } else { PLAIN_NAME }
    }

    /// The value of the session cookie. `None` without one, with several, or one that is too long or not ASCII: it is
    /// not known which of several the server has set, so none counts.
    pub(crate) fn session<'r>(&self, headers: &'r HeaderMap) -> Option<&'r str> {
        value(headers, self.name())
    }

    /// The token of the device, with the same rules.
    pub(crate) fn device<'r>(&self, headers: &'r HeaderMap) -> Option<&'r str> {
        value(headers, self.device_name())
    }

    const fn device_name(&self) -> &'static str {
        if self.is_secure { SECURE_DEVICE } else { PLAIN_DEVICE }
    }

    /// Refuses a request that a page of another site has made: one whose `Origin` or `Sec-Fetch-Site` says so. Both are
    /// set by browsers, and pages cannot change them. Other programs send neither.
    ///
    /// # Errors
    /// 403 `cross_site_request`.
    pub(crate) fn refuse_other_sites(&self, request: &Request) -> Result<(), Problem> {
        let headers = request.headers();
        let site_is_own = headers.get_all(SEC_FETCH_SITE).iter().all(|site| site == "same-origin" || site == "none");
        let origin_is_own = headers.get_all(ORIGIN).iter().all(|origin| self.is_own(origin, request));
        if site_is_own && origin_is_own { Ok(()) } else { Err(Problem::of(code::CROSS_SITE_REQUEST)) }
    }

    fn is_own(&self, origin: &HeaderValue, request: &Request) -> bool {
        let Some(origin) = origin.to_str().ok().and_then(|origin| origin.parse::<Origin>().ok()) else { return false };
        match &self.origin {
            Some(own) => origin == *own,
            None => {
                let scheme = if self.is_secure { "https" } else { "http" };
                authority(request).and_then(|own| format!("{scheme}://{own}").parse().ok()) == Some(origin)
            }
        }
    }

    /// The header that gives a browser the cookie. Without `Max-Age`, a browser forgets it when it is closed; the server
    /// ends the session earlier.
    pub(crate) fn set(&self, value: &str) -> String {
        format!("{}={value}; {}", self.name(), self.attributes())
    }

    /// The header that gives a browser the token of its device for this time. Only a login needs it, so the browser sends
    /// it to no page that another site has linked to.
    pub(crate) fn set_device(&self, value: &str, lifetime: Duration) -> String {
        let secure = if self.is_secure { "Secure; " } else { "" };
        let (name, seconds) = (self.device_name(), lifetime.as_secs());
        format!("{name}={value}; Max-Age={seconds}; Path=/; {secure}HttpOnly; SameSite=Strict")
    }

    /// The header that makes a browser forget the cookie.
    pub(crate) fn clear(&self) -> String {
        format!("{}=; Max-Age=0; {}", self.name(), self.attributes())
    }

    const fn attributes(&self) -> &'static str {
        if self.is_secure { "Path=/; Secure; HttpOnly; SameSite=Lax" } else { "Path=/; HttpOnly; SameSite=Lax" }
    }
}

/// The value of the only cookie with this name.
fn value<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let value = str::from_utf8(value).ok()?;
    (value.len() <= MOST && value.is_ascii()).then_some(value)
}

/// The host that the request names.
fn authority(request: &Request) -> Option<&str> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| request.uri().authority().map(http::uri::Authority::as_str))
}

/// Whether a request by cookie with this method changes nothing, so that another site gains nothing from it.
pub(crate) fn only_reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The token against forged requests, if exactly one was sent.
pub(crate) fn csrf_token(headers: &HeaderMap) -> Option<&str> {
    let mut tokens = headers.get_all(X_CSRF_TOKEN).iter();
    let (Some(token), None) = (tokens.next(), tokens.next()) else { return None };
    token.to_str().ok()
}

/// The browser of a login, before it has a session.
pub(crate) struct Browser {
    /// The value of the session cookie that it has.
    pub(crate) cookie: Option<String>,
    /// The token of the device that it has.
    pub(crate) device_token: Option<String>,
    site: Result<(), Problem>,
}

impl<'a> FromRequest<'a> for Browser {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let Data(state) = Data::<&Arc<State>>::from_request_without_body(request).await?;
        let cookie = state.browsers.session(request.headers()).map(str::to_owned);
        let device_token = state.browsers.device(request.headers()).map(str::to_owned);
        Ok(Self { cookie, device_token, site: state.browsers.refuse_other_sites(request) })
    }
}

impl Browser {
    /// Refuses the login if a page of another site asks for it: it would log the browser in to an account of an attacker.
    ///
    /// # Errors
    /// 403 `cross_site_request`.
    pub(crate) fn refuse_other_sites(&self) -> Result<(), Problem> {
        self.site.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secure() -> Browsers {
        Browsers::at(Some("https://shop.example"))
    }

    fn cookies(lines: &[&[u8]]) -> HeaderMap {
        let lines = lines.iter().map(|line| (COOKIE, HeaderValue::from_bytes(line).unwrap()));
        lines.collect()
    }

    #[test]
    fn one_session_cookie_is_read_among_others() {
        for lines in [
            &[&b"__Host-skep_session=secret"[..]][..],
            &[b"a=1; __Host-skep_session=secret;b=2"],
            &[b"a=1", b"__Host-skep_session=secret"],
            &[b"skep_session=other; __Host-skep_session=secret; __host-skep_session=third"],
            &[b"__Host-skep_session2=other;;=; \xff=\xfe; __Host-skep_session=secret"],
        ] {
            assert_eq!(secure().session(&cookies(lines)), Some("secret"), "{lines:?}");
        }
        assert_eq!(Browsers::at(None).session(&cookies(&[b"skep_session=secret"])), Some("secret"));
        assert_eq!(Browsers::at(Some("http://shop.example")).session(&cookies(&[b"skep_session=x"])), Some("x"));
    }

    #[test]
    fn several_malformed_or_huge_session_cookies_count_as_none() {
        let huge = [b"__Host-skep_session=".as_slice(), &[b'a'; MOST + 1]].concat();
        for lines in [
            &[&b"a=1"[..]][..],
            &[b"skep_session=secret"],
            &[b"__Host-skep_session"],
            &[b"__Host-skep_session =secret"],
            &[b"__Host-skep_session=one; __Host-skep_session=two"],
            &[b"__Host-skep_session=one; __Host-skep_session=one"],
            &[b"__Host-skep_session=one", b"__Host-skep_session="],
            &[b"__Host-skep_session=\xff\xfe"],
            &["__Host-skep_session=\u{e9}".as_bytes()],
            &[&huge],
            &[],
        ] {
            assert_eq!(secure().session(&cookies(lines)), None, "{lines:?}");
        }
    }

    #[test]
    fn the_cookie_has_the_attributes_of_its_scheme() {
        let secure_set = "__Host-skep_session=v; Path=/; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(secure().set("v"), secure_set);
        assert_eq!(secure().clear(), "__Host-skep_session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert_eq!(Browsers::at(None).set("v"), "skep_session=v; Path=/; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn the_cookie_of_a_device_has_a_name_of_its_own_and_lasts() {
        let set = |browsers: Browsers| browsers.set_device("v", Duration::from_secs(86_400));
        let secure_set = "__Host-skep_device=v; Max-Age=86400; Path=/; Secure; HttpOnly; SameSite=Strict";
        assert_eq!(set(secure()), secure_set);
        assert_eq!(set(Browsers::at(None)), "skep_device=v; Max-Age=86400; Path=/; HttpOnly; SameSite=Strict");
        let both = cookies(&[b"__Host-skep_session=s; __Host-skep_device=d"]);
        assert_eq!((secure().session(&both), secure().device(&both)), (Some("s"), Some("d")));
        let twice = cookies(&[b"__Host-skep_device=d; __Host-skep_device=e"]);
        assert_eq!((secure().device(&twice), secure().device(&cookies(&[b"skep_device=d"]))), (None, None));
    }

    fn refused(browsers: &Browsers, headers: &[(HeaderName, &str)]) -> bool {
        let mut request = Request::builder().method(Method::POST).header(HOST, "127.0.0.1:8080");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let outcome = browsers.refuse_other_sites(&request.finish());
        assert!(outcome.as_ref().err().is_none_or(|problem| problem.code() == "cross_site_request"));
        outcome.is_err()
    }

    #[test]
    fn requests_of_other_sites_are_refused() {
        let browsers = secure();
        assert!(!refused(&browsers, &[]));
        for (origin, is_refused) in [
            ("https://shop.example", false),
            ("https://SHOP.example:443", false),
            ("http://shop.example", true),
            ("https://shop.example:8443", true),
            ("https://a.shop.example", true),
            ("https://shop.example.evil.test", true),
            ("null", true),
            ("", true),
            ("http://127.0.0.1:8080", true),
        ] {
            assert_eq!(refused(&browsers, &[(ORIGIN, origin)]), is_refused, "{origin}");
        }
        for (site, is_refused) in
            [("same-origin", false), ("none", false), ("same-site", true), ("cross-site", true), ("", true)]
        {
            assert_eq!(refused(&browsers, &[(SEC_FETCH_SITE, site)]), is_refused, "{site}");
        }
        let twice = [(SEC_FETCH_SITE, "same-origin"), (SEC_FETCH_SITE, "cross-site")];
        assert!(
            refused(&browsers, &twice) && refused(&browsers, &[(ORIGIN, "https://shop.example"), (ORIGIN, "null")])
        );
    }

    #[test]
    fn without_an_address_the_origin_is_compared_with_the_host() {
        let browsers = Browsers::at(None);
        for (origin, is_refused) in [
            ("http://127.0.0.1:8080", false),
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8081", true),
            ("https://127.0.0.1:8080", true),
            ("null", true),
        ] {
            assert_eq!(refused(&browsers, &[(ORIGIN, origin)]), is_refused, "{origin}");
        }
    }

    #[test]
    fn only_one_csrf_token_counts() {
        let headers = |tokens: &[&'static str]| -> HeaderMap {
            tokens.iter().map(|token| (X_CSRF_TOKEN, HeaderValue::from_static(token))).collect()
        };
        assert_eq!(csrf_token(&headers(&["one"])), Some("one"));
        assert_eq!((csrf_token(&headers(&[])), csrf_token(&headers(&["one", "one"]))), (None, None));
    }
}
