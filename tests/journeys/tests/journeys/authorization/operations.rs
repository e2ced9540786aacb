//! The operations of the OpenAPI document, and how to ask for each in a way that is right but for who asks.

use crate::{
    scene::{Scene, unique},
    slice::CONTEXTS,
};
use serde_json::{Value, json};
use skep_journeys::{Call, Client};

/// Whose token an operation looks at, by its `security`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// Nobody's: it ignores them.
    Nobody,
    /// That of whoever sends one.
    WhoSendsAToken,
    /// Everybody's.
    Everybody,
}

/// An operation of the document.
pub(crate) struct Operation {
    pub(crate) name: String,
    /// The part of the document that it stands in.
    pub(crate) tag: String,
    pub(crate) asks: Asks,
    /// The statuses that it documents, each by itself.
    pub(crate) answers: Vec<String>,
    method: String,
    path: String,
    takes_if_match: bool,
    body: Option<Value>,
}

impl Operation {
    pub(crate) fn all(document: &Value) -> Vec<Self> {
        let paths = document["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().expect("an item").iter();
            methods.map(move |(method, operation)| Self::read(document, method, path, operation))
        });
        operations.collect()
    }

    fn read(document: &Value, method: &str, path: &str, operation: &Value) -> Self {
        let asks = match operation["security"].as_array() {
            None => Asks::Nobody,
            Some(ways) if ways.contains(&json!({})) => Asks::WhoSendsAToken,
            Some(_) => Asks::Everybody,
        };
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
        let schema = schema.and_then(|reference| document.pointer(reference.trim_start_matches('#')));
        Self {
            name: operation["operationId"].as_str().expect("a name").to_owned(),
            tag: operation["tags"][0].as_str().expect("a tag").to_owned(),
            asks,
            answers: operation["responses"].as_object().expect("responses").keys().cloned().collect(),
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            takes_if_match: parameters.into_iter().any(|parameter| parameter["name"] == "If-Match"),
            body: schema.map(|schema| schema["example"].clone()),
        }
    }

    pub(crate) const fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// Whether its path names a thing by an id.
    pub(crate) fn names_a_thing(&self) -> bool {
        self.path.contains('{')
    }

    /// A request that nothing is wrong with, but perhaps who sends it.
    pub(crate) fn call<'c>(&'c self, client: &'c Client, scene: &Scene) -> Call<'c> {
        self.call_with(client, scene, |_| {})
    }

    /// The same with another body.
    pub(crate) fn call_with<'c>(
        &'c self,
        client: &'c Client,
        scene: &Scene,
        change: impl FnOnce(&mut Value),
    ) -> Call<'c> {
        let mut call = client.call(&self.method, scene.path(&self.path));
        if self.takes_if_match {
            call = call.if_match("*");
        }
        let Some(mut body) = self.body.clone() else { return call };
        self.fill(&mut body, scene);
        change(&mut body);
        call.json(body)
    }

    /// Makes the example of a body fit the scene: codes and addresses that are free, things that are there.
    fn fill(&self, body: &mut Value, scene: &Scene) {
        let bodies = CONTEXTS.iter().flat_map(|context| context.bodies);
        if let Some((_, right)) = bodies.into_iter().find(|(name, _)| *name == self.name) {
            *body = right(scene);
            return;
        }
        for (member, value) in CONTEXTS.iter().flat_map(|context| context.unique) {
            if !body[*member].is_null() {
                body[*member] = value(unique("NEW"));
            }
        }
    }
}
