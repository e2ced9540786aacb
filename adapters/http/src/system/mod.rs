//! What operators and clients ask besides the API: health, readiness, keys, metrics, the document and its page.

mod docs;
mod probes;
mod readiness;

pub(crate) use docs::{Docs, Document};
pub(crate) use probes::{Ready, health, jwks, metrics};

/// The paths outside of the OpenAPI document; all serve GET.
pub(crate) const PATHS: &[&str] =
    &["/health", "/ready", "/metrics", "/.well-known/jwks.json", "/openapi.json", "/api-docs"];
