//! Problem documents (RFC 9457). Every error response is one.

use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use poem::{IntoResponse, Response, error::ResponseError};
use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use serde::Serialize;
use skep_application::{identity::InvalidToken, kernel::Denied};
use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

mod catch;
pub mod code;
mod field;
mod short;

pub(crate) use self::catch::failure;
pub(crate) use self::catch::from_body_io;
pub use self::catch::{catch_all, from_error, log_failure, respond, take_failure};
pub use self::code::Code;
pub use self::field::FieldError;
pub(crate) use self::short::{MAX_KEY, shorten};

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The number of entries of `errors` that are sent.
const MAX_ERRORS: usize = 20;

/// The greatest length of a `detail` in bytes.
const MAX_DETAIL: usize = 1 << 10;

/// The start of the `type` of every problem. The code follows it.
const TYPE_PREFIX: &str = "urn:skep:problem:";

/// An error for the client.
///
/// Handlers return `Result<_, Problem>`. It converts into [`poem::Error`], the OpenAPI document has it as the `default`
/// response of the operation, and the edge renders it with the id of the request.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    retry_after: Option<u32>,
    lacks_room: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// A problem with a status and a stable code in `snake_case`.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code,
            detail: None,
            errors: Vec::new(),
            retry_after: None,
            lacks_room: false,
            headers: Vec::new(),
            source: None,
        }
    }

    /// A problem with a code of this crate. The code has a status.
    #[must_use]
    pub fn of(code: Code) -> Self {
        Self::new(code.status, code.name)
    }

    /// A failure of the server (500). The client gets only the code `internal`; the log gets the chain of sources.
    #[must_use]
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::of(code::INTERNAL).with_source(source)
    }

    /// The server is busy, or its store does not answer (503). `retry_after` is in seconds.
    #[must_use]
    pub fn unavailable(retry_after: u32) -> Self {
        Self::of(code::UNAVAILABLE).with_retry_after(retry_after)
    }

    /// The server has no room to work on the request (503), which costs the client nothing.
    #[must_use]
    pub fn no_room(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::unavailable(1).with_detail(detail).for_lack_of_room()
    }

    /// The denial that it comes from, for the log.
    pub(crate) fn denied(&self) -> Option<Denied> {
        self.source.as_deref().and_then(|source| source.downcast_ref()).copied()
    }

    /// Marks a refusal for lack of room.
    pub(crate) fn for_lack_of_room(self) -> Self {
        Self { lacks_room: true, ..self }
    }

    /// The request is well-formed, but values in it are invalid (422).
    #[must_use]
    pub fn validation(errors: Vec<FieldError>) -> Self {
        Self::of(code::VALIDATION_FAILED).with_errors(errors)
    }

    /// Sets the explanation for people. If the status is 500, it is not sent. At most 1 KiB is kept.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(match detail.into() {
            Cow::Borrowed(detail) => detail.into(),
            Cow::Owned(detail) => shorten(detail, MAX_DETAIL).into(),
        });
        self
    }

    /// Adds a place in the request that is wrong.
    #[must_use]
    pub fn with_error(mut self, error: FieldError) -> Self {
        self.errors.push(error);
        self
    }

    /// Replaces the list of wrong places.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// Sets `Retry-After`, in seconds.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sets the cause. It is logged and never sent.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// The HTTP status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code, in `snake_case`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Whether the server has refused the request for lack of room, before it has worked on it.
    pub(crate) fn lacks_room(&self) -> bool {
        self.lacks_room
    }

    /// The explanation for people, if there is one.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The places in the request that are wrong.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The document as it is sent: without the detail of a 500, and with the first 20 wrong places.
    #[must_use]
    pub fn document(&self, request_id: Option<&str>) -> ProblemDocument {
        // The detail of a 500 is about the inside of the server, so it is not sent.
        let detail = match self.status {
            StatusCode::INTERNAL_SERVER_ERROR => None,
            _ => self.detail.as_deref().map(str::to_owned),
        };
        ProblemDocument {
            r#type: format!("{TYPE_PREFIX}{}", self.code),
            title: title(self.code),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail,
            errors: (!self.errors.is_empty()).then(|| self.errors.iter().take(MAX_ERRORS).cloned().collect()),
            errors_left_out: self.errors.len().checked_sub(MAX_ERRORS).filter(|count| *count > 0),
            request_id: request_id.map(str::to_owned),
        }
    }

    /// The response to the request with this id.
    #[must_use]
    pub fn render(&self, request_id: Option<&str>) -> Response {
        let body = serde_json::to_vec(&self.document(request_id)).unwrap_or_default();
        let mut response = Response::builder().status(self.status).body(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        // RFC 9110 §15.5.2: a 401 without a challenge is incomplete. RFC 6750 §3.1: an error is named only if a token was
        // sent.
        if self.status == StatusCode::UNAUTHORIZED {
            let has_token = self.code == InvalidToken::REFUSALS[0].code;
            let challenge = if has_token { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            headers.entry(WWW_AUTHENTICATE).or_insert(HeaderValue::from_static(challenge));
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.code)?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl StdError for Problem {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn as_response(&self) -> Response {
        self.render(None)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.render(None)
    }
}

impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Any error, as a problem document (RFC 9457)",
                status: None,
                status_range: None,
                content: vec![MetaMediaType { content_type: MEDIA_TYPE, schema: ProblemDocument::schema_ref() }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        ProblemDocument::register(registry);
    }
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, Object, PartialEq, Serialize)]
#[oai(rename = "Problem")]
pub struct ProblemDocument {
    /// `urn:skep:problem:` followed by the code.
    pub r#type: String,
    /// The code as words, for people.
    pub title: String,
    /// The HTTP status of the response.
    pub status: u16,
    /// The stable code, for programs.
    pub code: String,
    /// The explanation of this occurrence, for people. The text can change.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The places in the request that are wrong, at most the first 20; absent if the problem is about no particular
    /// place.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldError>>,
    /// The number of wrong places that are not in `errors`; absent if all are there.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors_left_out: Option<usize>,
    /// The id of the request, as in the header `X-Request-Id` and in the log of the server.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// Makes the title from the code: `insufficient_stock` becomes `Insufficient stock`.
fn title(code: &str) -> String {
    let mut title = code.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_the_members_of_the_convention_and_no_empty_ones() {
        let problem = Problem::new(StatusCode::CONFLICT, "insufficient_stock").with_error(FieldError::at(
            "/lines/0",
            "short",
            "only 3 are left",
        ));
        let json = serde_json::to_value(problem.document(Some("r-1"))).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:skep:problem:insufficient_stock",
                "title": "Insufficient stock",
                "status": 409,
                "code": "insufficient_stock",
                "errors": [{"pointer": "/lines/0", "code": "short", "detail": "only 3 are left"}],
                "request_id": "r-1",
            })
        );
    }

    #[test]
    fn a_document_has_the_first_20_places_and_the_number_of_the_others() {
        let places = |count: usize| (0..count).map(|line| FieldError::at(format!("/lines/{line}"), "short", "x"));
        let document = |count| Problem::validation(places(count).collect()).document(None);
        let (all, some) = (document(20), document(1_000));
        assert_eq!((all.errors.map(|errors| errors.len()), all.errors_left_out), (Some(20), None));
        assert_eq!(some.errors_left_out, Some(980));
        let last = some.errors.and_then(|errors| errors.last()?.pointer.clone());
        assert_eq!(last.as_deref(), Some("/lines/19"));
    }

    #[test]
    fn texts_of_the_client_are_cut() {
        let long = "x".repeat(1 << 20);
        let problem = Problem::of(code::MALFORMED_BODY)
            .with_detail(long.clone())
            .with_error(FieldError::at("/a", "b", long.clone()))
            .with_error(FieldError::parameter(long.clone(), "b", long));
        let size = serde_json::to_string(&problem.document(None)).unwrap().len();
        assert!(size < 4 << 10, "{size}");
    }

    #[test]
    fn the_detail_of_a_500_is_not_sent() {
        let problem = Problem::internal("secret dsn").with_detail("secret dsn");
        assert_eq!(problem.document(None).detail, None);
        let kept = Problem::unavailable(3).with_detail("the store is away");
        assert_eq!(kept.document(None).detail.as_deref(), Some("the store is away"));
    }

    #[test]
    fn rendering_sets_retry_after_and_the_challenge() {
        let response = Problem::unavailable(7).render(None);
        assert_eq!(response.headers()[RETRY_AFTER], "7");
        assert_eq!(response.headers()[CONTENT_TYPE], MEDIA_TYPE);
        let response = Problem::of(code::UNAUTHENTICATED).render(None);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        let response = Problem::new(StatusCode::UNAUTHORIZED, "invalid_token").render(None);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer error=\"invalid_token\"");
        let own = Problem::of(code::UNAUTHENTICATED)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"))
            .render(None);
        assert_eq!(own.headers().get_all(WWW_AUTHENTICATE).iter().count(), 1);
    }
}
