//! The page of metrics, beside the API or at an address of its own.

use crate::{
    edge::RouteTable,
    parts::bearer,
    problem::{Problem, code},
};
use http::Method;
use poem::{Endpoint, EndpointExt as _, Request, Response, Result, Route, endpoint::BoxEndpoint, get};
use skep_application::identity::InvalidToken;
use std::{fmt, sync::Arc};
use subtle::ConstantTimeEq as _;

/// The path of the page.
const PATH: &str = "/metrics";

/// Answers with the metrics in the text format of Prometheus.
#[derive(Clone)]
pub struct MetricsPage {
    render: Arc<dyn Fn() -> String + Send + Sync>,
    token: Option<Arc<str>>,
}

impl MetricsPage {
    /// The page that `render` writes. With a token, a caller must send it as a bearer token. Without one, every client
    /// that can reach the page may read it.
    pub fn new(render: impl Fn() -> String + Send + Sync + 'static, token: Option<&str>) -> Self {
        Self { render: Arc::new(render), token: token.map(Arc::from) }
    }

    /// The page as the only one of a server: `GET /metrics`, and the routes for the edge.
    ///
    /// # Panics
    /// Never: the path is a template.
    #[must_use]
    pub fn alone(self) -> (BoxEndpoint<'static, Response>, RouteTable) {
        let routes = RouteTable::default().with(PATH, [Method::GET]).expect("the path is a template");
        (Route::new().at(PATH, get(self)).map_to_response().boxed(), routes)
    }
}

impl fmt::Debug for MetricsPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsPage").finish_non_exhaustive()
    }
}

impl Endpoint for MetricsPage {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if let Some(token) = &self.token {
            const REQUIRED: &str = "the metrics token is required";
            let Some(sent) = bearer(request.headers())? else {
                return Err(Problem::of(code::UNAUTHENTICATED).with_detail(REQUIRED).into());
            };
            if !bool::from(sent.as_bytes().ct_eq(token.as_bytes())) {
                return Err(Problem::from(InvalidToken).with_detail(REQUIRED).into());
            }
        }
        Ok(Response::builder().content_type("text/plain; version=0.0.4").body((self.render)()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
    use poem::test::TestClient;

    #[tokio::test]
    async fn a_page_of_its_own_has_nothing_else_and_asks_for_its_token() {
        let page = |token| TestClient::new(MetricsPage::new(|| "up 1".to_owned(), token).alone().0);
        page(None).get("/metrics").send().await.assert_text("up 1").await;
        page(None).get("/health").send().await.assert_status(http::StatusCode::NOT_FOUND);
        let client = page(Some("sixteen-letters!"));
        for (sent, challenge) in [
            ("Bearer sixteen-letters!", None),
            ("bearer sixteen-letters!", None),
            ("Bearer sixteen-letters", Some("Bearer error=\"invalid_token\"")),
            ("Basic sixteen-letters!", Some("Bearer")),
        ] {
            let answer = client.get("/metrics").header(AUTHORIZATION, sent).send().await;
            answer.assert_status(http::StatusCode::from_u16(if challenge.is_none() { 200 } else { 401 }).unwrap());
            let found = answer.0.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap());
            assert_eq!(found, challenge, "{sent}");
        }
        client.get("/metrics").send().await.assert_status(http::StatusCode::UNAUTHORIZED);
    }
}
