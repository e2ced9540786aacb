//! Refuses query parameters that an operation does not have, and those given twice. poem-openapi ignores both.

use crate::{
    edge::RequestContext,
    problem::{FieldError, Problem, code},
};
use http::Method;
use poem::{Endpoint, IntoResponse as _, Request, Response, Result};
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};

/// The query parameters of every operation, by path template and method.
#[derive(Clone, Default)]
pub(crate) struct QueryGuard {
    known: Arc<HashMap<String, HashMap<Method, Vec<String>>>>,
}

impl QueryGuard {
    /// Reads the parameters from the OpenAPI document.
    pub(crate) fn from_openapi(document: &Value) -> Self {
        let mut known: HashMap<String, HashMap<Method, Vec<String>>> = HashMap::new();
        for (template, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let Ok(method) = method.to_ascii_uppercase().parse::<Method>() else { continue };
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let query = parameters.filter(|parameter| parameter["in"] == "query");
                let names = query.filter_map(|parameter| Some(parameter["name"].as_str()?.to_owned())).collect();
                known.entry(template.clone()).or_default().insert(method, names);
            }
        }
        Self { known: Arc::new(known) }
    }

    fn check(&self, request: &Request) -> Result<(), Problem> {
        let Some(query) = request.uri().query().filter(|query| !query.is_empty()) else { return Ok(()) };
        let route = request.extensions().get::<RequestContext>().and_then(|context| context.route.clone());
        let Some(operations) = route.and_then(|route| self.known.get(&*route)) else { return Ok(()) };
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let Some(known) = operations.get(method) else { return Ok(()) };
        let mut seen: Vec<&str> = vec![];
        for pair in query.split('&') {
            let name = pair.split('=').next().unwrap_or_default();
            let fault = match known.iter().any(|known| known == name) {
                false => "is not a parameter of this operation",
                true if seen.contains(&name) => "must not be repeated",
                true => {
                    seen.push(name);
                    continue;
                }
            };
            let error = FieldError::parameter(name, code::INVALID_PARAMETER.name, fault);
            return Err(Problem::of(code::INVALID_PARAMETER).with_error(error));
        }
        Ok(())
    }

    pub(crate) async fn guard<E: Endpoint>(self, endpoint: Arc<E>, request: Request) -> Result<Response> {
        self.check(&request)?;
        Ok(endpoint.call(request).await?.into_response())
    }
}
