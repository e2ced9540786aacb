//! The places in a request that are wrong.

use super::{MAX_DETAIL, MAX_KEY, shorten};
use poem_openapi::Object;
use serde::Serialize;

/// A place in the request that is wrong. It is in the body (`pointer`) or is a parameter (`parameter`).
#[derive(Clone, Debug, Object, PartialEq, Serialize)]
#[oai(rename = "ProblemFieldError")]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body. The empty pointer is the whole body.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The name of the query, path or header parameter that is wrong.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// The stable code of the fault at this place, for programs.
    pub code: String,
    /// The explanation for people. The text can change.
    pub detail: String,
}

impl FieldError {
    /// A place in the body. At most 1 KiB of the detail is kept.
    #[must_use]
    pub fn at(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = shorten(detail.into(), MAX_DETAIL);
        Self { pointer: Some(pointer.into()), parameter: None, code: code.into(), detail }
    }

    /// A query, path or header parameter. At most 64 bytes of the name and 1 KiB of the detail are kept.
    #[must_use]
    pub fn parameter(name: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        let (name, detail) = (shorten(name.into(), MAX_KEY), shorten(detail.into(), MAX_DETAIL));
        Self { pointer: None, parameter: Some(name), code: code.into(), detail }
    }
}
