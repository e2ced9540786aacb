//! JSON answers, which serde writes straight into the body, and the responses that carry one resource.

use super::etag;
use crate::{edge::WrittenBody, problem::Problem};
use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;
use skep_domain::shared::Version;

/// A JSON answer. The `Json` of poem-openapi builds a tree of values first, which costs more than reading the row.
pub(crate) struct Answer<T>(pub(crate) T);

impl<T: Type> Payload for Answer<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let mut body = WrittenBody::new();
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => Response::builder().content_type("application/json").body(body.finish()),
            Err(error) => Problem::internal(error).into_response(),
        }
    }
}

/// 201 with a new versioned resource.
#[derive(ApiResponse)]
pub(crate) enum Created<T: Type + Serialize> {
    /// The new resource.
    #[oai(status = 201)]
    Created(Answer<T>, #[oai(header = "ETag")] String, #[oai(header = "Location")] String),
}

impl<T: Type + Serialize> Created<T> {
    /// The answer with a new resource in this version. `location` is its path.
    pub(crate) fn at(location: String, version: Version, body: impl Into<T>) -> Self {
        Self::Created(Answer(body.into()), etag(version), location)
    }
}

/// 200 with a versioned resource.
#[derive(ApiResponse)]
pub(crate) enum Shown<T: Type + Serialize> {
    /// The resource.
    #[oai(status = 200)]
    Ok(Answer<T>, #[oai(header = "ETag")] String),
}

impl<T: Type + Serialize> Shown<T> {
    /// The answer with the whole resource in this version.
    pub(crate) fn of(version: Version, body: impl Into<T>) -> Self {
        Self::tagged(etag(version), body)
    }

    /// The answer with this entity tag, for a resource that is not shown as a whole.
    pub(crate) fn tagged(etag: String, body: impl Into<T>) -> Self {
        Self::Ok(Answer(body.into()), etag)
    }
}

/// 202 without a body.
#[derive(ApiResponse)]
pub(crate) enum Mailed {
    /// If there is an account to mail to, its owner gets a mail soon. The answer has no body.
    #[oai(status = 202)]
    Mailed,
}

/// 204 without a body.
#[derive(ApiResponse)]
pub(crate) enum Done {
    /// Done. The answer has no body.
    #[oai(status = 204)]
    Done,
}
