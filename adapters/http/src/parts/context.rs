//! What a context gives to the API: its endpoints, and facts about them for the document and the tests.

use super::cost::Cost;
use crate::edge::BodyLimit;
use http::{HeaderMap, Method};
use poem::endpoint::BoxEndpoint;
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, Registry},
};
use serde_json::{Value, json};
use skep_application::{Policies, kernel::Refusal};
use skep_domain::shared::Action;
use std::collections::HashMap;

/// Endpoints by path and method, as poem-openapi collects them.
pub(crate) type Routes = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

/// The part of the API that belongs to one context.
pub(crate) struct Context {
    /// Describes the endpoints.
    pub(crate) meta: fn() -> Vec<MetaApi>,
    /// Registers the types of the bodies.
    pub(crate) register: fn(&mut Registry),
    /// Adds the endpoints to the routes.
    pub(crate) add_routes: fn(&mut Routes),
    /// The declarations of the operations, one for each.
    pub(crate) operations: &'static [Operation],
    /// Adds examples, rules and closed sets of values to the schemas of the context. Some rules follow from policies.
    pub(crate) complete: fn(&mut Schemas<'_>, &Policies),
    /// The protocol of some of its paths, if they have one besides HTTP.
    pub(crate) protocol: Option<Protocol>,
}

/// A protocol on top of HTTP, which announces itself in headers.
#[derive(Clone, Copy)]
pub(crate) struct Protocol {
    /// The path that it is about, with everything below it.
    pub(crate) path: &'static str,
    /// The headers of every answer.
    pub(crate) marks: fn() -> HeaderMap,
    /// Further headers of an answer to OPTIONS. Some follow from policies.
    pub(crate) options: fn(&Policies) -> HeaderMap,
}

impl Protocol {
    /// Whether the protocol is about this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        path.strip_prefix(self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Context {
    /// The context whose endpoints `E` has.
    pub(crate) const fn new<E: OpenApi + Default>(
        operations: &'static [Operation],
        complete: fn(&mut Schemas<'_>, &Policies),
    ) -> Self {
        Self {
            meta: E::meta,
            register: E::register,
            add_routes: |routes| E::default().add_routes(routes),
            operations,
            complete,
            protocol: None,
        }
    }

    /// The same context, of which some paths have this protocol.
    pub(crate) const fn speaking(self, protocol: Protocol) -> Self {
        Self { protocol: Some(protocol), ..self }
    }
}

/// The facts about an operation that its endpoint does not state.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The `operationId` in the document.
    pub id: &'static str,
    /// The action that the caller must be allowed to do; `None` if the operation needs no permission, for example
    /// login.
    pub action: Option<Action>,
    /// The action by which a caller sees the resource, if it is another one. A caller that sees the resource and may not
    /// do the action is answered 403, and one that does not see it 404.
    pub seen_by: Option<Action>,
    /// Whether the body has a password or another secret. Such operations have a lower limit of requests per address.
    pub takes_credentials: bool,
    /// What a request takes from the limits per address and per user.
    pub cost: Cost,
    /// The limit of the body; `None` if the operation has no body.
    pub body: Option<BodyLimit>,
    /// The refusals of the use case.
    pub refusals: &'static [Refusal],
}

impl Operation {
    /// An operation that needs permission for this action.
    pub(crate) const fn new(id: &'static str, action: Action, refusals: &'static [Refusal]) -> Self {
        Self {
            id,
            action: Some(action),
            seen_by: None,
            takes_credentials: false,
            cost: Cost::One,
            body: None,
            refusals,
        }
    }

    /// An operation that needs no permission. Its use case limits guesses.
    pub(crate) const fn open(id: &'static str, refusals: &'static [Refusal]) -> Self {
        Self { id, action: None, seen_by: None, takes_credentials: false, cost: Cost::One, body: None, refusals }
    }

    /// An operation that needs no permission and takes credentials.
    pub(crate) const fn with_credentials(id: &'static str, refusals: &'static [Refusal]) -> Self {
        Self { id, action: None, seen_by: None, takes_credentials: true, cost: Cost::One, body: None, refusals }
    }

    /// The same operation, on a resource that callers see by this action.
    pub(crate) const fn seen_by(self, action: Action) -> Self {
        Self { seen_by: Some(action), ..self }
    }

    /// The same operation, whose body has a secret.
    pub(crate) const fn taking_credentials(self) -> Self {
        Self { takes_credentials: true, ..self }
    }

    /// The same operation with a body of at most this size. Set the limit above the largest valid body, in which each
    /// character can be escaped and so have 6 bytes, or 12 outside the Basic Multilingual Plane.
    pub(crate) const fn body(self, limit: BodyLimit) -> Self {
        Self { body: Some(limit), ..self }
    }

    /// The same operation with this cost.
    pub(crate) const fn cost(self, cost: Cost) -> Self {
        Self { cost, ..self }
    }
}

/// The operations at each path template, with their methods.
pub(crate) type OperationsByPath = HashMap<String, Vec<(Method, &'static Operation)>>;

/// The schemas of the document, by name.
pub(crate) struct Schemas<'d>(pub(crate) &'d mut Value);

impl Schemas<'_> {
    /// Adds an example to the schema of a body.
    pub(crate) fn example(&mut self, schema: &str, example: Value) {
        if let Some(schema) = self.0.get_mut(schema) {
            schema["example"] = example;
        }
    }

    /// Marks a field as required, although it may be `null`.
    pub(crate) fn required(&mut self, schema: &str, field: &str) {
        if let Some(schema) = self.0.get_mut(schema) {
            schema["required"] = [field].as_slice().into();
        }
    }

    /// Limits a field of these schemas, with keywords such as `maximum`.
    pub(crate) fn limit(&mut self, schemas: &[&str], field: &str, keywords: &Value) {
        for schema in schemas {
            let field = self.0.pointer_mut(&format!("/{schema}/properties/{field}")).and_then(Value::as_object_mut);
            if let (Some(field), Some(keywords)) = (field, keywords.as_object()) {
                field.extend(keywords.clone());
            }
        }
    }

    /// Lists the values that a field can have, or that the items of a list can have.
    pub(crate) fn values<'v>(&mut self, schema: &str, field: &str, values: impl IntoIterator<Item = &'v str>) {
        let Some(field) = self.0.pointer_mut(&format!("/{schema}/properties/{field}")) else { return };
        let field = if field["type"] == "array" { &mut field["items"] } else { field };
        field["enum"] = values.into_iter().collect();
    }
}

/// The keywords of a text of one line. White space around it is taken away, so it must have another character.
pub(crate) fn line(max: usize) -> Value {
    let pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";
    json!({ "minLength": 1, "maxLength": max, "pattern": pattern })
}

/// The keywords of a text that may have line breaks and tabs, and may be empty.
pub(crate) fn block(max: usize) -> Value {
    json!({ "maxLength": max, "pattern": r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$" })
}

/// The keywords of a text without any rule. No text may contain NUL.
pub(crate) fn any_text() -> Value {
    json!({ "pattern": r"^[^\x00]*$" })
}

/// The time in all examples.
pub(crate) const EXAMPLE_TIME: &str = "2026-11-21T09:30:00.000Z";
