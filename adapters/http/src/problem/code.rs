//! The codes that the edge itself answers with, each with its status and meaning.

use http::StatusCode;

/// A code of the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code in `snake_case`, stable.
    pub name: &'static str,
    /// The status that goes with it.
    pub status: StatusCode,
    /// What it means, for the generated list of errors.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($constant:ident = $name:literal, $status:ident, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $constant: Code = Code {
            name: $name,
            status: StatusCode::$status,
            meaning: $meaning,
        };)*

        /// Every code of the edge.
        pub const ALL: &[Code] = &[$($constant),*];
    };
}

codes! {
    BAD_REQUEST = "bad_request", BAD_REQUEST, "The request breaks the rules of HTTP.";
    MALFORMED_JSON = "malformed_json", BAD_REQUEST, "The body is not a JSON text.";
    DUPLICATE_KEY = "duplicate_key", BAD_REQUEST, "An object in the body names a key twice.";
    JSON_TOO_DEEP = "json_too_deep", BAD_REQUEST, "The body is nested too deeply.";
    MALFORMED_BODY = "malformed_body", BAD_REQUEST, "The body cannot be read in its media type.";
    BODY_INCOMPLETE = "body_incomplete", BAD_REQUEST, "The body ended before it was complete.";
    INVALID_PARAMETER = "invalid_parameter", BAD_REQUEST, "A path, query or header parameter is invalid.";
    UNAUTHENTICATED = "unauthenticated", UNAUTHORIZED, "Valid credentials are required.";
    FORBIDDEN = "forbidden", FORBIDDEN, "The caller may not do this.";
    NOT_FOUND = "not_found", NOT_FOUND, "There is nothing here, or nothing the caller may know of.";
    METHOD_NOT_ALLOWED = "method_not_allowed", METHOD_NOT_ALLOWED, "The resource does not serve this method; see Allow.";
    NOT_ACCEPTABLE = "not_acceptable", NOT_ACCEPTABLE, "No representation matches Accept.";
    BODY_TIMEOUT = "body_timeout", REQUEST_TIMEOUT, "The body came too slowly.";
    CONFLICT = "conflict", CONFLICT, "The state of the resource forbids this.";
    GONE = "gone", GONE, "The resource was here and is gone.";
    PRECONDITION_FAILED = "precondition_failed", PRECONDITION_FAILED, "The resource has changed since it was read.";
    BODY_TOO_LARGE = "body_too_large", PAYLOAD_TOO_LARGE, "The body exceeds the size limit.";
    TARGET_TOO_LONG = "target_too_long", URI_TOO_LONG, "The request target exceeds the length limit.";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body's media type or encoding is not served.";
    VALIDATION_FAILED = "validation_failed", UNPROCESSABLE_ENTITY, "Values in the request are refused; errors names them.";
    PRECONDITION_REQUIRED = "precondition_required", PRECONDITION_REQUIRED, "The request needs If-Match.";
    RATE_LIMITED = "rate_limited", TOO_MANY_REQUESTS, "Too many requests; see Retry-After.";
    HEADERS_TOO_LARGE = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The request has too many or too large headers.";
    INTERNAL = "internal", INTERNAL_SERVER_ERROR, "The server failed; the log has the request id.";
    NOT_IMPLEMENTED = "not_implemented", NOT_IMPLEMENTED, "The server does not support this.";
    BAD_GATEWAY = "bad_gateway", BAD_GATEWAY, "An upstream server answered nonsense.";
    UNAVAILABLE = "unavailable", SERVICE_UNAVAILABLE, "The server is busy or a store is away; see Retry-After.";
    GATEWAY_TIMEOUT = "gateway_timeout", GATEWAY_TIMEOUT, "An upstream server did not answer in time.";
    STORAGE_FULL = "storage_full", INSUFFICIENT_STORAGE, "The disk is full.";
}

/// The general code of a status, for errors that bring no code of their own.
#[must_use]
pub fn for_status(status: StatusCode) -> Code {
    // The specific 400s come after the general one, so the first of a status is the general one.
    let fallback = if status.is_server_error() { INTERNAL } else { BAD_REQUEST };
    ALL.iter().find(|code| code.status == status).copied().unwrap_or(Code { status, ..fallback })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_snake_case_error_codes() {
        for (index, code) in ALL.iter().enumerate() {
            assert!(code.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", code.name);
            assert!(code.status.is_client_error() || code.status.is_server_error());
            assert!(ALL[index + 1..].iter().all(|other| other.name != code.name));
        }
    }

    #[test]
    fn status_maps_to_its_general_code_and_keeps_the_status() {
        assert_eq!(for_status(StatusCode::BAD_REQUEST), BAD_REQUEST);
        assert_eq!(for_status(StatusCode::NOT_FOUND), NOT_FOUND);
        assert_eq!(for_status(StatusCode::IM_A_TEAPOT).status, StatusCode::IM_A_TEAPOT);
        assert_eq!(for_status(StatusCode::LOOP_DETECTED).name, "internal");
    }
}
