//! Refuses query parameters that an operation does not have, and those given twice, and header parameters that are no
//! text. poem-openapi ignores all of them.

use crate::{
    edge::RequestContext,
    problem::{FieldError, Problem, code},
};
use http::{HeaderMap, HeaderName, Method, header::IF_MATCH};
use poem::{Endpoint, IntoResponse as _, Request, Response, Result};
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};

/// The header parameters of our operations. One that is not read would count as missing.
const HEADERS: [HeaderName; 2] = [HeaderName::from_static("idempotency-key"), IF_MATCH];

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
        check_headers(request.headers())?;
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
            return Err(invalid(name, fault));
        }
        Ok(())
    }

    pub(crate) async fn guard<E: Endpoint>(self, endpoint: Arc<E>, request: Request) -> Result<Response> {
        self.check(&request)?;
        Ok(endpoint.call(request).await?.into_response())
    }
}

fn check_headers(headers: &HeaderMap) -> Result<(), Problem> {
    let is_text = |name: &HeaderName| headers.get_all(name).iter().all(|value| value.to_str().is_ok());
    match HEADERS.iter().find(|name| !is_text(name)) {
        // As the document writes it.
        Some(name) if *name == IF_MATCH => Err(invalid("If-Match", "must have ascii characters only")),
        Some(_) => Err(invalid("Idempotency-Key", "must have ascii characters only")),
        None => Ok(()),
    }
}

fn invalid(name: &str, fault: &'static str) -> Problem {
    Problem::of(code::INVALID_PARAMETER).with_error(FieldError::parameter(name, code::INVALID_PARAMETER.name, fault))
}
