//! The endpoints for health, readiness and keys.

use super::readiness::Readiness;
use crate::{
    parts::State,
    problem::{Problem, code},
};
use http::header::CACHE_CONTROL;
use poem::{Endpoint, FromRequest as _, Request, Response, Result, handler, web::Data};
use serde_json::json;
use std::sync::Arc;

/// Answers that the process is alive. It does not ask the store, so a supervisor does not restart the process because
/// the store is down.
#[handler]
pub(crate) fn health() -> Response {
    Response::builder().content_type("application/json").body(json!({ "status": "ok" }).to_string())
}

/// Answers whether the store answers, or has answered within the last second.
#[derive(Default)]
pub(crate) struct Ready(Readiness);

impl Endpoint for Ready {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let ports = &Data::<&Arc<State>>::from_request_without_body(&request).await?.app.ports;
        self.0.check(ports.store.clone(), ports.runtime.clock.clone()).await.map_err(|cause| {
            let problem = Problem::of(code::UNAVAILABLE).with_detail("the store does not answer");
            problem.with_retry_after(1).with_source(cause)
        })?;
        let body = json!({ "status": "ready", "store": "ok" });
        Ok(Response::builder().content_type("application/json").body(body.to_string()))
    }
}

/// Answers with the public keys of access tokens. They may be cached for five minutes: a key is in the list for ten
/// minutes before it signs, and stays there until its last token has expired.
#[handler]
pub(crate) fn jwks(Data(state): Data<&Arc<State>>) -> Response {
    Response::builder()
        .content_type("application/jwk-set+json")
        .header(CACHE_CONTROL, "public, max-age=300")
        .body(state.app.ports.tokens.jwks())
}
