//! Builds the service from the endpoints of all contexts.

use super::{
    config::ApiConfig,
    contexts::{self, Endpoints},
    document,
    parameter_guard::ParameterGuard,
};
use crate::{
    edge::{RouteTable, RouteTableError},
    parts::{Cost, Operation, State},
    system,
};
use http::Method;
use poem::{EndpointExt as _, Response, Route, endpoint::BoxEndpoint, get};
use poem_openapi::OpenApiService;
use serde_json::Value;
use skep_application::{App, Policies};
use std::{collections::HashMap, sync::Arc};

/// Makes the service and its document.
pub struct Api;

/// The API as one endpoint, with what the edge needs to know of it.
pub struct Service {
    /// The endpoint that answers all requests.
    pub endpoint: BoxEndpoint<'static, Response>,
    /// The paths and their methods. The edge answers OPTIONS and 405 from them, and limits compare the route of a request with them.
    pub routes: RouteTable,
    /// The OpenAPI document.
    pub document: Arc<Value>,
}

impl Api {
    /// The OpenAPI document of this version, with the policies by default.
    #[must_use]
    pub fn document() -> Value {
        document::finish(&Self::endpoints().spec(), &Policies::default())
    }

    /// The operations of this version, with their actions and the refusals of their use cases.
    pub fn operations() -> impl Iterator<Item = &'static Operation> {
        contexts::operations()
    }

    fn endpoints() -> OpenApiService<Endpoints, ()> {
        OpenApiService::new(Endpoints, "Skep", env!("CARGO_PKG_VERSION"))
            .description("The whole backend of a product: accounts, catalog, orders.")
    }

    /// Builds the service. The recorder of metrics must be installed before.
    #[must_use]
    pub fn build(app: Arc<App>, config: ApiConfig) -> Service {
        let document = Arc::new(document::finish(&Self::endpoints().spec(), &app.policies));
        let guard = ParameterGuard::from_openapi(&document);
        let operations = document::operations_by_path(&document);
        let policies = app.policies.clone();
        let (deployment, public_url) = ((config.source, &config.cursor_key), config.public_url.as_deref());
        let state = Arc::new(State::new(app, deployment, public_url, config.limits, operations));
        let api = Self::endpoints().around(move |endpoint, request| guard.clone().guard(endpoint, request));
        let mut route = Route::new()
            .at("/health", get(system::health))
            .at("/ready", get(system::Ready::default()))
            .at("/.well-known/jwks.json", get(system::jwks))
            .at("/openapi.json", get(system::Document::new(&document)));
        if let Some(metrics) = config.metrics {
            route = route.at("/metrics", get(metrics));
        }
        if config.docs {
            route = route.at("/api-docs", get(system::Docs::new(&document)));
        }
        let limiter = Arc::clone(&state.limiter);
        let limit = move |endpoint, request| Arc::clone(&limiter).guard(endpoint, request);
        let endpoint = route.nest_no_strip("/", api).around(limit).data(state.clone());
        // Readers that are not extractors find the state in the extensions of the request.
        let endpoint = endpoint.map_to_response().before(move |mut request| {
            request.extensions_mut().insert(state.clone());
            std::future::ready(Ok(request))
        });
        let routes = routes(&document, &policies).expect("the document has paths, and all are templates");
        Service { endpoint: endpoint.boxed(), routes, document }
    }
}

/// The paths of the document and those of the system, with what the edge has to know of their operations.
fn routes(document: &Value, policies: &Policies) -> Result<RouteTable, RouteTableError> {
    let routes = RouteTable::from_openapi(document)?;
    let routes = system::PATHS.iter().try_fold(routes, |routes, path| routes.with(path, [Method::GET]))?;
    let limits: HashMap<_, _> = contexts::operations().filter_map(|known| Some((known.id, known.body?))).collect();
    let is_list = |known: &Operation| matches!(known.cost, Cost::Page | Cost::Search | Cost::Items);
    let headers = |template: &str| {
        let protocol = contexts::protocols().find(|protocol| protocol.has(template));
        protocol.map_or_else(Default::default, |protocol| ((protocol.marks)(), (protocol.options)(policies)))
    };
    Ok(routes
        .with_headers(headers)
        .with_body_limits(|operation| limits.get(operation).copied())
        // Paths outside of the document need no store.
        .with_unshared(|id| id.is_none())
        .with_lists(|id| id.and_then(operation).is_some_and(is_list)))
}

/// The operation with this `operationId`.
fn operation(id: &str) -> Option<&'static Operation> {
    contexts::operations().find(|known| known.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_needs_a_place_and_the_paths_of_the_system_do_not() {
        let routes = routes(&Api::document(), &Policies::default()).unwrap();
        let is_shared = |path: &str, method: &Method| routes.find(path).unwrap().is_shared(method);
        for path in ["/api/v1/auth/login", "/api/v1/auth/register", "/api/v1/orders"] {
            assert!(is_shared(path, &Method::POST), "{path}");
        }
        assert!(system::PATHS.iter().all(|path| !is_shared(path, &Method::GET)));
    }
}
