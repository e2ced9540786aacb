//! The list of contexts, and what is collected from each.

use crate::{
    catalog, events, files, identity, jobs, notifications, ordering,
    parts::{Context, Operation, Protocol, Routes, Schemas},
    search,
};
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, Registry},
};
use serde_json::Value;
use skep_application::Policies;

/// The contexts, in the order of the document. A new context needs a line here.
const CONTEXTS: &[Context] = &[
    identity::CONTEXT,
    catalog::CONTEXT,
    ordering::CONTEXT,
    notifications::CONTEXT,
    jobs::CONTEXT,
    events::CONTEXT,
    files::CONTEXT,
    search::CONTEXT,
];

/// The endpoints of all contexts.
pub(super) struct Endpoints;

impl OpenApi for Endpoints {
    fn meta() -> Vec<MetaApi> {
        CONTEXTS.iter().flat_map(|context| (context.meta)()).collect()
    }

    fn register(registry: &mut Registry) {
        CONTEXTS.iter().for_each(|context| (context.register)(registry));
    }

    fn add_routes(self, routes: &mut Routes) {
        CONTEXTS.iter().for_each(|context| (context.add_routes)(routes));
    }
}

/// The operations of all contexts.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> {
    CONTEXTS.iter().flat_map(|context| context.operations)
}

/// The protocols of all contexts.
pub(super) fn protocols() -> impl Iterator<Item = Protocol> {
    CONTEXTS.iter().filter_map(|context| context.protocol)
}

/// Adds each context's examples, rules and closed sets of values to the schemas of the document.
pub(super) fn complete(schemas: &mut Value, policies: &Policies) {
    CONTEXTS.iter().for_each(|context| (context.complete)(&mut Schemas(schemas), policies));
}
