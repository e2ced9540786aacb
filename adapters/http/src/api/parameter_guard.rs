//! Refuses unknown and repeated query parameters, and header parameters that cannot be read. poem-openapi ignores all
//! of them, and it reads the body before our endpoints look at a header. Also judges the conditions of requests that
//! no use case judges.

use super::contexts;
use crate::{
    body,
    conditions::Conditions,
    edge::RequestContext,
    parts::{Anyone, IDEMPOTENCY_KEY, SignedIn, idempotency_key, invalid},
    problem::Problem,
};
use http::{HeaderMap, HeaderName, Method, header};
use poem::{Endpoint, IntoResponse as _, Request, Response, Result};
use serde_json::Value;
use skep_application::kernel::{Actor, permit};
use skep_domain::shared::Action;
use std::{borrow::Cow, collections::HashMap, sync::Arc};

/// The operations, by path template and method.
#[derive(Clone, Default)]
pub(crate) struct ParameterGuard {
    known: Arc<HashMap<String, HashMap<Method, Operation>>>,
}

/// The facts about an operation in the OpenAPI document.
struct Operation {
    query: Vec<String>,
    takes_key: bool,
    /// Whether the use case judges the conditions, because they are about a version.
    takes_if_match: bool,
    /// Whether the path can be read, as that of a list can.
    is_readable: bool,
    /// The action of the use case; `None` if it needs no permission.
    action: Option<Action>,
    callers: Callers,
    /// The media types of the body; empty if the operation has no body.
    media_types: Vec<String>,
}

/// How an operation treats credentials.
enum Callers {
    /// It ignores them.
    Unasked,
    /// It checks them if the caller sends any.
    Anyone,
    /// It requires them.
    SignedIn,
}

impl ParameterGuard {
    /// Reads the parameters from the OpenAPI document.
    pub(crate) fn from_openapi(document: &Value) -> Self {
        let mut known: HashMap<String, HashMap<Method, Operation>> = HashMap::new();
        for (template, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let Ok(method) = method.to_ascii_uppercase().parse::<Method>() else { continue };
                let operation = Operation { is_readable: !item["get"].is_null(), ..Operation::from_openapi(operation) };
                known.entry(template.clone()).or_default().insert(method, operation);
            }
        }
        Self { known: Arc::new(known) }
    }

    fn operation(&self, request: &Request) -> Option<&Operation> {
        let route = request.extensions().get::<RequestContext>()?.route.as_deref()?;
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        self.known.get(route)?.get(method)
    }

    pub(crate) async fn guard<E: Endpoint>(self, endpoint: Arc<E>, request: Request) -> Result<Response> {
        if let Some(operation) = self.operation(&request)
            && let Err(fault) = operation.check(&request)
        {
            // Problems with the credentials come first, then problems with the headers of the body.
            operation.caller(&request).await?;
            operation.check_body_head(&request)?;
            return Err(fault.into());
        }
        let judged = self.operation(&request).filter(|operation| !operation.takes_if_match);
        let conditions = judged.and_then(|_| Conditions::of(request.headers()));
        let (Some(operation), Some(conditions)) = (judged, conditions) else {
            return Ok(endpoint.call(request).await?.into_response());
        };
        if request.method().is_safe() {
            return Ok(conditions.judge_read(endpoint.call(request).await?.into_response())?);
        }
        if let Err(unmet) = conditions.judge_change(operation.is_readable) {
            // A caller that may not do this does not learn more (RFC 9110, 13.2.1).
            if let (Some(caller), Some(action)) = (operation.caller(&request).await?, operation.action) {
                permit(&caller, action).map_err(Problem::from)?;
            }
            operation.check_body_head(&request)?;
            return Err(unmet.into());
        }
        Ok(endpoint.call(request).await?.into_response())
    }
}

impl Operation {
    fn from_openapi(operation: &Value) -> Self {
        let parameters = || operation["parameters"].as_array().into_iter().flatten();
        let names = |place: &'static str| {
            parameters().filter(move |parameter| parameter["in"] == place).filter_map(|found| found["name"].as_str())
        };
        let takes = |header: HeaderName| names("header").any(|name| name.eq_ignore_ascii_case(header.as_str()));
        let callers = match operation["security"].as_array() {
            None => Callers::Unasked,
            Some(ways) if ways.is_empty() => Callers::Unasked,
            Some(ways) if ways.iter().any(|way| way.as_object().is_some_and(|way| way.is_empty())) => Callers::Anyone,
            Some(_) => Callers::SignedIn,
        };
        let media_types = operation["requestBody"]["content"].as_object().into_iter().flatten();
        Self {
            query: names("query").map(str::to_owned).collect(),
            takes_key: takes(IDEMPOTENCY_KEY),
            takes_if_match: takes(header::IF_MATCH),
            is_readable: false,
            action: contexts::operations()
                .find(|known| operation["operationId"] == known.id)
                .and_then(|known| known.action),
            callers,
            media_types: media_types.map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Reads the caller; `None` if the operation ignores credentials.
    async fn caller(&self, request: &Request) -> Result<Option<Actor>> {
        Ok(match self.callers {
            Callers::Unasked => None,
            Callers::Anyone => Some(Anyone::read(request).await?.actor),
            Callers::SignedIn => Some(SignedIn::read(request).await?.actor),
        })
    }

    /// Checks the headers of the body, if the operation has one.
    fn check_body_head(&self, request: &Request) -> Result<(), Problem> {
        if self.media_types.is_empty() {
            return Ok(());
        }
        let accepted: Vec<&str> = self.media_types.iter().map(String::as_str).collect();
        body::check_head(request, &accepted)
    }

    fn check(&self, request: &Request) -> Result<(), Problem> {
        self.check_headers(request.headers())?;
        self.check_query(request.uri().query().unwrap_or_default())
    }

    fn check_query(&self, query: &str) -> Result<(), Problem> {
        if query.is_empty() {
            return Ok(());
        }
        let mut seen: Vec<Cow<'_, str>> = vec![];
        // As the readers of parameters do, this decodes names and skips empty pairs.
        for (name, _) in form_urlencoded::parse(query.as_bytes()) {
            let fault = match self.query.iter().any(|known| *known == name) {
                false => "is not a parameter of this operation",
                true if seen.contains(&name) => "must not be repeated",
                true => {
                    seen.push(name);
                    continue;
                }
            };
            return Err(invalid(&name, fault));
        }
        Ok(())
    }

    /// Without this check, a header that is not a text would count as missing, and the first of several keys would be
    /// taken. Problems spell the names as the document does.
    fn check_headers(&self, headers: &HeaderMap) -> Result<(), Problem> {
        const TEXT: &str = "must have ASCII characters only";
        let is_text = |name: &HeaderName| headers.get_all(name).iter().all(|value| value.to_str().is_ok());
        if self.takes_key {
            if !is_text(&IDEMPOTENCY_KEY) {
                return Err(invalid("Idempotency-Key", TEXT));
            }
            let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
            let first = keys.next().and_then(|key| key.to_str().ok());
            if keys.next().is_some() {
                return Err(invalid("Idempotency-Key", "must not be repeated"));
            }
            idempotency_key(first)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(uri: &str, keys: &[&str]) -> Result<(), &'static str> {
        let operation = Operation::from_openapi(&json!({ "parameters": [
            { "in": "query", "name": "limit" },
            { "in": "header", "name": "Idempotency-Key" },
        ] }));
        let uri = uri.parse().unwrap();
        let request =
            keys.iter().fold(Request::builder().uri(uri), |request, key| request.header("idempotency-key", *key));
        operation.check(&request.finish()).map_err(|problem| problem.code())
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        assert_eq!(check("/x", &[]), Ok(()));
        assert_eq!(check("/x?limit=1", &["k"]), Ok(()));
        for uri in ["/x?%6Cimit=1", "/x?limit=1&", "/x?&&limit=1", "/x?&", "/x?"] {
            assert_eq!(check(uri, &[]), Ok(()), "{uri}");
        }
        for uri in ["/x?limit=1&limit=2", "/x?limit=1&%6cimit=2", "/x?page=1", "/x?=", "/x?limit%3D=1", "/x?limit+=1"] {
            assert_eq!(check(uri, &[]), Err("invalid_parameter"), "{uri}");
        }
    }

    #[test]
    fn a_repeated_or_unreadable_key_is_refused() {
        for keys in [&["a", "a"][..], &["a", "b"], &[""], &["a\tb"]] {
            assert_eq!(check("/x", keys), Err("invalid_parameter"), "{keys:?}");
        }
    }

    #[test]
    fn the_document_says_who_may_call() {
        let callers = |operation: Value| Operation::from_openapi(&operation).callers;
        assert!(matches!(callers(json!({})), Callers::Unasked));
        assert!(matches!(callers(json!({ "security": [] })), Callers::Unasked));
        assert!(matches!(callers(json!({ "security": [{ "bearer": [] }, {}] })), Callers::Anyone));
        assert!(matches!(callers(json!({ "security": [{ "bearer": [] }] })), Callers::SignedIn));
    }
}
