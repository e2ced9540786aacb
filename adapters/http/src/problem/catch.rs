//! Turns every error that poem and poem-openapi can raise into a problem.

use super::{FieldError, Problem, code};
use crate::edge::BodyFault;
use poem::{
    Endpoint, EndpointExt, Error, IntoResponse, Response,
    error::{MethodNotAllowedError, NotFoundError, ParsePathError as PoemPathError, ParseQueryError, ReadBodyError},
};
use poem_openapi::error::{
    AuthorizationError, ContentTypeError, ParseMultipartError, ParseParamError, ParsePathError,
    ParseRequestPayloadError,
};
use std::{error::Error as StdError, fmt::Write as _};

/// Makes a problem from an error of poem, poem-openapi or a handler.
///
/// The text of an unknown error never reaches the client. If the status is 5xx, the error is kept as the source.
#[must_use]
pub fn from_error(error: Error) -> Problem {
    let error = match error.downcast::<Problem>() {
        Ok(problem) => return problem,
        Err(error) => error,
    };
    if error.is::<NotFoundError>() {
        Problem::of(code::NOT_FOUND)
    } else if error.is::<MethodNotAllowedError>() {
        Problem::of(code::METHOD_NOT_ALLOWED)
    } else if error.is::<AuthorizationError>() {
        Problem::of(code::UNAUTHENTICATED)
    } else if let Some(cause) = error.downcast_ref::<ReadBodyError>() {
        from_read_body(cause)
    } else if let Some(cause) = error.downcast_ref::<ParseParamError>() {
        parameter(cause.name)
    } else if let Some(cause) = error.downcast_ref::<ParsePathError>() {
        parameter(cause.name)
    } else if error.is::<PoemPathError>() || error.is::<ParseQueryError>() {
        Problem::of(code::INVALID_PARAMETER)
    } else if error.is::<ParseRequestPayloadError>() || error.is::<ParseMultipartError>() {
        Problem::of(code::MALFORMED_BODY)
    } else if error.is::<ContentTypeError>() {
        Problem::of(code::UNSUPPORTED_MEDIA_TYPE)
    } else {
        let problem = Problem::of(code::for_status(error.status()));
        if problem.status().is_server_error() { problem.with_source(error) } else { problem }
    }
}

/// The problem of a body that could not be read because it is too large, too slow or incomplete.
pub(crate) fn from_read_body(error: &ReadBodyError) -> Problem {
    match error {
        ReadBodyError::PayloadTooLarge => Problem::of(code::BODY_TOO_LARGE),
        ReadBodyError::Utf8(_) => Problem::of(code::MALFORMED_BODY).with_detail("the body is not valid UTF-8"),
        ReadBodyError::Io(error) => from_body_io(error),
        ReadBodyError::BodyHasBeenTaken => Problem::internal("the request body was read twice"),
    }
}

/// The problem of an I/O error while reading a body.
pub(crate) fn from_body_io(error: &std::io::Error) -> Problem {
    match BodyFault::of(error) {
        Some(BodyFault::TooLarge) => Problem::of(code::BODY_TOO_LARGE),
        Some(BodyFault::TimedOut) => Problem::of(code::BODY_TIMEOUT),
        Some(BodyFault::Fragmented) => Problem::of(code::BODY_FRAGMENTED),
        Some(fault @ (BodyFault::NoRoom | BodyFault::NoShare | BodyFault::Crowded(_))) => {
            Problem::no_room(fault.to_string())
        }
        Some(fault @ BodyFault::NoShareOfUser) => {
            Problem::of(code::RATE_LIMITED).with_detail(fault.to_string()).with_retry_after(1)
        }
        None => Problem::of(code::BODY_INCOMPLETE),
    }
}

/// The problem of a parameter that poem-openapi could not read. Its reason is left out, because it names Rust types.
fn parameter(name: &str) -> Problem {
    let error = FieldError::parameter(name, code::INVALID_PARAMETER.name, "has an invalid value");
    Problem::of(code::INVALID_PARAMETER).with_error(error)
}

/// Renders an error as a problem, unless it has a response already. The response of a 5xx has the problem with it until
/// [`take_failure`], so that it is logged once and outside of all endpoints. That of a denial has the `Denied`, for
/// the access log.
#[must_use]
pub fn respond(error: Error, request_id: Option<&str>) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    let problem = from_error(error);
    let mut response = problem.render(request_id);
    if problem.status().is_server_error() {
        response.extensions_mut().insert(Failure(problem));
    } else if let Some(denied) = problem.denied() {
        response.extensions_mut().insert(denied);
    }
    response
}

/// The problem that a response with the status 5xx was rendered from.
#[derive(Clone)]
struct Failure(Problem);

/// The problem that a response of [`respond`] was rendered from. `None` if its status is not 5xx.
pub(crate) fn failure(response: &Response) -> Option<&Problem> {
    response.extensions().get::<Failure>().map(|Failure(problem)| problem)
}

/// Takes the problem out of a response of [`respond`]. `None` if its status is not 5xx.
pub fn take_failure(response: &mut Response) -> Option<Problem> {
    response.extensions_mut().remove::<Failure>().map(|Failure(problem)| problem)
}

/// Logs a failure with the chain of its sources. `left_out` is the number of failures before it that were not logged.
pub fn log_failure(problem: &Problem, request_id: Option<&str>, left_out: u64) {
    let left_out = Some(left_out).filter(|left_out| *left_out > 0);
    let status = problem.status().as_u16();
    let request_id = request_id.unwrap_or("-");
    let trace_id = crate::edge::current_trace_id();
    let trace_id = trace_id.as_deref();
    let cause = chain(problem);
    // A 500 is a defect. The others are expected, for example while the server is busy.
    if status == 500 {
        tracing::error!(status, code = problem.code(), request_id, trace_id, cause, left_out, "request failed");
    } else {
        tracing::warn!(status, code = problem.code(), request_id, trace_id, cause, left_out, "request failed");
    }
}

/// The texts of the sources, outermost first. Transparent wrappers such as [`poem::Error`] repeat a text; it is written
/// only once.
fn chain(problem: &Problem) -> String {
    let mut text = String::new();
    let mut last = String::new();
    let mut next = StdError::source(problem);
    while let Some(error) = next {
        let current = error.to_string();
        if current != last {
            let separator = if text.is_empty() { "" } else { ": " };
            let _ = write!(text, "{separator}{current}");
        }
        last = current;
        next = error.source();
    }
    text
}

/// Wraps an endpoint, so that each of its errors becomes a problem response.
///
/// The edge does the same, so this is for endpoints under another server. It must be the outermost wrapper.
pub fn catch_all<E>(endpoint: E) -> impl Endpoint<Output = Response>
where
    E: Endpoint + 'static,
{
    endpoint.around(|endpoint, request| async move {
        Ok(match endpoint.call(request).await {
            Ok(output) => output.into_response(),
            Err(error) => {
                let mut response = respond(error, None);
                if let Some(problem) = take_failure(&mut response) {
                    log_failure(&problem, None, 0);
                }
                response
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use http::StatusCode;
    use poem::endpoint::make_sync;
    use poem::{Request, error};

    use super::*;
    use crate::edge::Crowded;

    fn code_of(error: impl Into<Error>) -> (u16, &'static str) {
        let problem = from_error(error.into());
        (problem.status().as_u16(), problem.code())
    }

    #[test]
    fn every_library_error_has_its_code() {
        assert_eq!(code_of(NotFoundError), (404, "not_found"));
        assert_eq!(code_of(MethodNotAllowedError), (405, "method_not_allowed"));
        assert_eq!(code_of(AuthorizationError), (401, "unauthenticated"));
        assert_eq!(code_of(PoemPathError), (400, "invalid_parameter"));
        assert_eq!(code_of(ContentTypeError::ExpectContentType), (415, "unsupported_media_type"));
        assert_eq!(code_of(ParseRequestPayloadError { reason: "x".into() }), (400, "malformed_body"));
        assert_eq!(code_of(ParseMultipartError { reason: "x".into() }), (400, "malformed_body"));
        assert_eq!(code_of(ReadBodyError::PayloadTooLarge), (413, "body_too_large"));
        assert_eq!(code_of(ReadBodyError::BodyHasBeenTaken), (500, "internal"));
        assert_eq!(code_of(ReadBodyError::Io(io::Error::other("reset"))), (400, "body_incomplete"));
        // poem wraps the fault in two I/O errors.
        for (fault, expected) in [
            (BodyFault::TooLarge, (413, "body_too_large")),
            (BodyFault::TimedOut, (408, "body_timeout")),
            (BodyFault::Fragmented, (400, "body_fragmented")),
            (BodyFault::NoRoom, (503, "unavailable")),
            (BodyFault::NoShare, (503, "unavailable")),
            (BodyFault::Crowded(Crowded::Requests), (503, "unavailable")),
            (BodyFault::NoShareOfUser, (429, "rate_limited")),
        ] {
            let nested = io::Error::other(io::Error::other(fault));
            assert_eq!(code_of(ReadBodyError::Io(nested)), expected);
        }
    }

    #[test]
    fn parameter_errors_name_the_parameter() {
        for error in [
            Error::from(ParseParamError { name: "limit", reason: "too big".into() }),
            Error::from(ParsePathError { name: "limit", reason: "too big".into() }),
        ] {
            let problem = from_error(error);
            assert_eq!(problem.errors()[0].parameter.as_deref(), Some("limit"));
            assert_eq!(problem.errors()[0].detail, "has an invalid value", "the reason names Rust types");
        }
    }

    #[test]
    fn a_problem_passes_through_unchanged() {
        let problem = from_error(Problem::new(StatusCode::CONFLICT, "email_taken").into());
        assert_eq!(problem.code(), "email_taken");
    }

    #[test]
    fn unknown_errors_keep_their_status_and_hide_their_text() {
        let problem = from_error(Error::from_string("secret", StatusCode::BAD_REQUEST));
        assert_eq!(problem.code(), "bad_request");
        assert_eq!(problem.detail(), None);
        let problem = from_error(error::InternalServerError(io::Error::other("secret")));
        assert_eq!(problem.document(None).detail, None);
        assert_eq!(chain(&problem), "secret");
    }

    #[tokio::test]
    async fn catch_all_turns_errors_into_problem_responses() {
        let endpoint = catch_all(make_sync(|_| Err::<(), _>(Error::from(NotFoundError))));
        let response = endpoint.call(Request::default()).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.content_type(), Some(super::super::MEDIA_TYPE));
    }
}
