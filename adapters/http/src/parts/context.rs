//! How a context plugs into the API: its endpoints, and what the document and the tests have to know of them.

use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, Registry},
};
use serde_json::Value;
use skep_application::kernel::Refusal;
use skep_domain::shared::Action;
use std::collections::HashMap;

/// Endpoints by path and method, as poem-openapi collects them.
pub(crate) type Routes = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

/// A context, as the API sees it.
pub(crate) struct Context {
    /// Describes its endpoints.
    pub(crate) meta: fn() -> Vec<MetaApi>,
    /// Registers the types of their bodies.
    pub(crate) register: fn(&mut Registry),
    /// Adds the endpoints.
    pub(crate) add_routes: fn(&mut Routes),
    /// Its operations, each once.
    pub(crate) operations: &'static [Operation],
    /// Adds examples and closed sets of values to its schemas.
    pub(crate) complete: fn(&mut Schemas<'_>),
}

impl Context {
    /// The context with these endpoints.
    pub(crate) const fn new<E: OpenApi + Default>(
        operations: &'static [Operation],
        complete: fn(&mut Schemas<'_>),
    ) -> Self {
        Self {
            meta: E::meta,
            register: E::register,
            add_routes: |routes| E::default().add_routes(routes),
            operations,
            complete,
        }
    }
}

/// The facts about an operation that its endpoint does not state.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The `operationId` in the document.
    pub id: &'static str,
    /// The action that the caller must be allowed to do; `None` if it needs no permission, such as to log in.
    pub action: Option<Action>,
    /// Whether it takes a password or another secret in its body. From one address such operations may be called less
    /// often than others.
    pub takes_credentials: bool,
    /// The refusals of its use case.
    pub refusals: &'static [Refusal],
}

impl Operation {
    /// An operation that does this action by a use case with these refusals.
    pub(crate) const fn new(id: &'static str, action: Action, refusals: &'static [Refusal]) -> Self {
        Self { id, action: Some(action), takes_credentials: false, refusals }
    }

    /// An operation that needs no permission, and takes credentials instead.
    pub(crate) const fn with_credentials(id: &'static str, refusals: &'static [Refusal]) -> Self {
        Self { id, action: None, takes_credentials: true, refusals }
    }
}

/// The schemas of the document, by name.
pub(crate) struct Schemas<'d>(pub(crate) &'d mut Value);

impl Schemas<'_> {
    /// Gives a body an example.
    pub(crate) fn example(&mut self, schema: &str, example: Value) {
        if let Some(schema) = self.0.get_mut(schema) {
            schema["example"] = example;
        }
    }

    /// Says that a field must be there, although it may be `null`.
    pub(crate) fn required(&mut self, schema: &str, field: &str) {
        if let Some(schema) = self.0.get_mut(schema) {
            schema["required"] = [field].as_slice().into();
        }
    }

    /// Says which values a field can have; of a list, which items.
    pub(crate) fn values<'v>(&mut self, schema: &str, field: &str, values: impl IntoIterator<Item = &'v str>) {
        let Some(field) = self.0.pointer_mut(&format!("/{schema}/properties/{field}")) else { return };
        let field = if field["type"] == "array" { &mut field["items"] } else { field };
        field["enum"] = values.into_iter().collect();
    }
}

/// The time of everything in examples.
pub(crate) const EXAMPLE_TIME: &str = "2026-11-21T09:30:00.000Z";
