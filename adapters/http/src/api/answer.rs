//! JSON answers, written by serde straight into the body.

use poem::{IntoResponse, Response};
use poem_openapi::{
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;

/// Most answers of one resource fit into this.
const USUAL_BYTES: usize = 1024;

/// A JSON answer. poem-openapi's own `Json` builds a tree of values first, which costs more than reading the row.
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
        let mut body = Vec::with_capacity(USUAL_BYTES);
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => Response::builder().content_type("application/json").body(body),
            Err(error) => crate::problem::Problem::internal(error).into_response(),
        }
    }
}
