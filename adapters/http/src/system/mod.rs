//! The endpoints beside the API: health, readiness, keys, metrics, the OpenAPI document and its page.

mod docs;
mod metrics;
mod probes;
mod readiness;

pub(crate) use docs::{Docs, Document};
pub use metrics::MetricsPage;
pub(crate) use probes::{Ready, health, jwks};

/// The paths that the OpenAPI document does not have. Each serves GET.
pub(crate) const PATHS: &[&str] =
    &["/health", "/ready", "/metrics", "/.well-known/jwks.json", "/openapi.json", "/api-docs"];
