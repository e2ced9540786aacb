//! All endpoints as one service, and the document that describes them.

use super::{
    contexts::{self, Endpoints},
    document,
    parameter_guard::ParameterGuard,
};
use crate::{
    edge::RouteTable,
    parts::{ApiConfig, Operation, State},
    system,
};
use http::Method;
use poem::{EndpointExt as _, Response, Route, endpoint::BoxEndpoint, get};
use poem_openapi::OpenApiService;
use serde_json::Value;
use skep_application::App;
use std::sync::Arc;

/// The API: endpoints around the use cases.
pub struct Api;

/// The API, ready to be put behind the edge.
pub struct Service {
    /// Answers requests.
    pub endpoint: BoxEndpoint<'static, Response>,
    /// The paths and their methods, for the edge.
    pub routes: RouteTable,
    /// The OpenAPI document.
    pub document: Arc<Value>,
}

impl Api {
    /// The OpenAPI document of this version.
    #[must_use]
    pub fn document() -> Value {
        document::finish(&Self::endpoints().spec())
    }

    /// The operations of this version, with the actions that they ask for and the refusals of their use cases.
    pub fn operations() -> impl Iterator<Item = &'static Operation> {
        contexts::operations()
    }

    fn endpoints() -> OpenApiService<Endpoints, ()> {
        OpenApiService::new(Endpoints, "Skep", env!("CARGO_PKG_VERSION"))
            .description("The whole backend of a product: accounts, catalog, orders.")
    }

    /// Builds the service.
    #[must_use]
    pub fn build(app: Arc<App>, config: ApiConfig) -> Service {
        let document = Arc::new(Self::document());
        let guard = ParameterGuard::from_openapi(&document);
        let routes = system::PATHS
            .iter()
            .try_fold(RouteTable::from_openapi(&document).expect("the document has paths"), |routes, path| {
                routes.with(path, [Method::GET])
            });
        let docs = config.docs;
        let credentials = document::paths(&document, |operation| operation.takes_credentials);
        let state = Arc::new(State::new(app, config, credentials));
        let api = Self::endpoints().around(move |endpoint, request| guard.clone().guard(endpoint, request));
        let mut route = Route::new()
            .at("/health", get(system::health))
            .at("/ready", get(system::Ready::default()))
            .at("/metrics", get(system::metrics))
            .at("/.well-known/jwks.json", get(system::jwks))
            .at("/openapi.json", get(system::Document::new(&document)));
        if docs {
            route = route.at("/api-docs", get(system::Docs::new(&document)));
        }
        let limiter = Arc::clone(&state.limiter);
        let limit = move |endpoint, request| Arc::clone(&limiter).guard(endpoint, request);
        let endpoint = route.nest_no_strip("/", api).around(limit).data(state.clone());
        // `Data` is also wanted by what runs before poem's own extractors.
        let endpoint = endpoint.map_to_response().before(move |mut request| {
            request.extensions_mut().insert(state.clone());
            std::future::ready(Ok(request))
        });
        Service { endpoint: endpoint.boxed(), routes: routes.expect("the paths are templates"), document }
    }
}
