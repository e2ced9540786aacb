//! The codes of problems that come from the HTTP adapter, each with its status and meaning.

use http::StatusCode;

/// The code of a problem, with its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable code, in `snake_case`.
    pub name: &'static str,
    /// The HTTP status of problems with this code.
    pub status: StatusCode,
    /// The meaning for clients, in one sentence. The list of errors and the OpenAPI document have it.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($constant:ident = $name:literal, $status:ident, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $constant: Code = Code {
            name: $name,
            status: StatusCode::$status,
            meaning: $meaning,
        };)*

        /// All codes of this file.
        pub const ALL: &[Code] = &[$($constant),*];
    };
}

codes! {
    BAD_REQUEST = "bad_request", BAD_REQUEST, "The request breaks the rules of HTTP.";
    MALFORMED_JSON = "malformed_json", BAD_REQUEST, "The body is not valid JSON.";
    DUPLICATE_KEY = "duplicate_key", BAD_REQUEST, "An object in the body has a key twice.";
    JSON_TOO_DEEP = "json_too_deep", BAD_REQUEST, "The body is nested too deeply.";
    MALFORMED_BODY = "malformed_body", BAD_REQUEST, "The body is not valid for its media type.";
    BODY_FRAGMENTED = "body_fragmented", BAD_REQUEST, "The body came in too many small pieces.";
    BODY_INCOMPLETE = "body_incomplete", BAD_REQUEST, "The body ended before it was complete.";
    INVALID_PARAMETER = "invalid_parameter", BAD_REQUEST, "A path, query or header parameter is invalid.";
    UNAUTHENTICATED = "unauthenticated", UNAUTHORIZED, "Valid credentials are required.";
    FORBIDDEN = "forbidden", FORBIDDEN, "The caller may not do this.";
    CROSS_SITE_REQUEST = "cross_site_request", FORBIDDEN, "A page of another site has made the request, which a cookie does not allow.";
    NOT_FOUND = "not_found", NOT_FOUND, "The resource does not exist, or the caller may not see it.";
    METHOD_NOT_ALLOWED = "method_not_allowed", METHOD_NOT_ALLOWED, "The path does not serve this method; see `Allow`.";
    NOT_ACCEPTABLE = "not_acceptable", NOT_ACCEPTABLE, "The server has no representation that `Accept` allows.";
    BODY_TIMEOUT = "body_timeout", REQUEST_TIMEOUT, "The body did not arrive in time.";
    CONFLICT = "conflict", CONFLICT, "The present state of the resource does not allow the request.";
    GONE = "gone", GONE, "The resource no longer exists.";
    PRECONDITION_FAILED = "precondition_failed", PRECONDITION_FAILED, "The version of the resource is not one that the request allows.";
    TUS_VERSION_UNSUPPORTED = "tus_version_unsupported", PRECONDITION_FAILED, "The server does not support the version of tus in `Tus-Resumable`; see `Tus-Version`.";
    BODY_TOO_LARGE = "body_too_large", PAYLOAD_TOO_LARGE, "The body exceeds the size limit of the operation.";
    TARGET_TOO_LONG = "target_too_long", URI_TOO_LONG, "The request target exceeds the length limit.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body's media type or encoding is not supported.";
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "The content does not have the bytes that `Range` asks for.";
    VALIDATION_FAILED = "validation_failed", UNPROCESSABLE_ENTITY, "Values are invalid; `errors` lists the places.";
    PRECONDITION_REQUIRED = "precondition_required", PRECONDITION_REQUIRED, "The request needs an `If-Match` header.";
    RATE_LIMITED = "rate_limited", TOO_MANY_REQUESTS, "There were too many requests; wait for `Retry-After`.";
    HEADERS_TOO_LARGE = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too many or too large.";
    INTERNAL = "internal", INTERNAL_SERVER_ERROR, "The server failed; its log has the cause under the `request_id`.";
    NOT_IMPLEMENTED = "not_implemented", NOT_IMPLEMENTED, "The server does not implement this function.";
    BAD_GATEWAY = "bad_gateway", BAD_GATEWAY, "An upstream server sent an invalid answer.";
    UNAVAILABLE = "unavailable", SERVICE_UNAVAILABLE, "The server is busy, or its store does not answer.";
    GATEWAY_TIMEOUT = "gateway_timeout", GATEWAY_TIMEOUT, "An upstream server did not answer in time.";
    STORAGE_FULL = "storage_full", INSUFFICIENT_STORAGE, "No space is left in the store.";
}

/// The general code of a status, for errors without a code.
#[must_use]
pub fn for_status(status: StatusCode) -> Code {
    // The general code of a status comes first in the list.
    let fallback = if status.is_server_error() { INTERNAL } else { BAD_REQUEST };
    ALL.iter().find(|code| code.status == status).copied().unwrap_or(Code { status, ..fallback })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_have_the_status_of_an_error() {
        for (index, code) in ALL.iter().enumerate() {
            assert!(code.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", code.name);
            assert!(code.status.is_client_error() || code.status.is_server_error());
            assert!(ALL[index + 1..].iter().all(|other| other.name != code.name));
        }
    }

    #[test]
    fn a_status_has_a_general_code_with_the_same_status() {
        assert_eq!(for_status(StatusCode::BAD_REQUEST), BAD_REQUEST);
        assert_eq!(for_status(StatusCode::NOT_FOUND), NOT_FOUND);
        assert_eq!(for_status(StatusCode::IM_A_TEAPOT).status, StatusCode::IM_A_TEAPOT);
        assert_eq!(for_status(StatusCode::LOOP_DETECTED).name, "internal");
    }
}
