//! The operations of the OpenAPI document, with a valid request for each.

use crate::{
    scene::{Scene, things, unique},
    slice::{CONTEXTS, Thing},
};
use serde_json::{Value, json};
use skep_journeys::{Call, Client};

/// The use of a token by an operation, as its `security` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// The operation does not look at a token.
    Ignored,
    /// A token may be missing, but one that is sent must be valid.
    Optional,
    /// A valid token must be sent.
    Required,
}

/// An operation of the document.
pub(crate) struct Operation {
    pub(crate) name: String,
    /// The first tag, by which the document groups operations.
    pub(crate) tag: String,
    pub(crate) token: Token,
    /// The keys of its responses: statuses, and `default`.
    pub(crate) answers: Vec<String>,
    method: String,
    path: String,
    takes_if_match: bool,
    /// The headers that it requires, with their examples.
    headers: Vec<(String, String)>,
    /// The parameters of the query that it requires, with their examples.
    query: String,
    /// The media type of a body that is not JSON and must have this one.
    media_type: Option<String>,
    body: Option<Value>,
    /// The schema of the body.
    pub(crate) schema: Option<Value>,
}

impl Operation {
    /// Whether it changes a resource that the server changes by itself.
    pub(crate) fn changes_a_busy_thing(&self) -> bool {
        let is_of = |thing: &Thing| self.path.starts_with(&format!("{}/{{", thing.collection));
        self.method != "get" && things().any(|thing| thing.is_busy && is_of(thing))
    }

    /// All operations. Those that end the session of their caller come last.
    pub(crate) fn all(document: &Value) -> Vec<Self> {
        let paths = document["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().expect("an item").iter();
            methods.map(move |(method, operation)| Self::read(document, method, path, operation))
        });
        let mut operations: Vec<Self> = operations.collect();
        operations.sort_by_key(Self::ends_session);
        operations
    }

    fn read(document: &Value, method: &str, path: &str, operation: &Value) -> Self {
        let token = match operation["security"].as_array() {
            None => panic!("every operation says which callers it takes"),
            Some(ways) if ways.is_empty() => Token::Ignored,
            Some(ways) if ways.contains(&json!({})) => Token::Optional,
            Some(_) => Token::Required,
        };
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let required = |parameter: &&Value| parameter["in"] == "header" && parameter["required"] == true;
        let headers = parameters.clone().filter(required).filter(|parameter| parameter["name"] != "If-Match");
        let header = |parameter: &Value| {
            let example = &parameter["example"];
            let value = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
            (parameter["name"].as_str().expect("a name").to_owned(), value)
        };
        let in_query = |parameter: &&Value| parameter["in"] == "query" && parameter["required"] == true;
        let query = parameters.clone().filter(in_query).map(header).map(|(name, value)| format!("{name}={value}"));
        let query = query.collect::<Vec<_>>().join("&");
        let media_types = operation["requestBody"]["content"].as_object();
        let is_raw = |name: &&String| !name.contains("json") && *name != "*/*";
        let media_type = media_types.into_iter().flat_map(|types| types.keys()).find(is_raw).cloned();
        let schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
        let schema = schema.and_then(|reference| document.pointer(reference.trim_start_matches('#')));
        Self {
            name: operation["operationId"].as_str().expect("a name").to_owned(),
            tag: operation["tags"][0].as_str().expect("a tag").to_owned(),
            token,
            answers: operation["responses"].as_object().expect("responses").keys().cloned().collect(),
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            headers: headers.map(header).collect(),
            query: if query.is_empty() { query } else { format!("?{query}") },
            media_type,
            takes_if_match: parameters.into_iter().any(|parameter| parameter["name"] == "If-Match"),
            body: schema.map(|schema| schema["example"].clone()),
            schema: schema.cloned(),
        }
    }

    /// The place among the operations that end the session of their caller, if it is one of them. The last one ends all
    /// sessions of the account.
    pub(crate) fn ends_session(&self) -> Option<usize> {
        ["log_out", "change_password"].iter().position(|name| *name == self.name)
    }

    pub(crate) const fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// Whether it changes nothing.
    pub(crate) fn is_read(&self) -> bool {
        self.method == "GET"
    }

    /// Whether its purpose is to set this member: its path ends with it.
    pub(crate) fn sets(&self, member: &str) -> bool {
        self.path.ends_with(&format!("/{member}"))
    }

    /// The path, with names for its ids.
    pub(crate) fn template(&self) -> &str {
        &self.path
    }

    /// Whether its path has an id.
    pub(crate) fn names_a_thing(&self) -> bool {
        self.path.contains('{')
    }

    /// A valid request, which only the client's rights can make fail.
    pub(crate) fn call<'c>(&'c self, client: &'c Client, scene: &Scene<'_>) -> Call<'c> {
        self.call_with(client, scene, |_| {})
    }

    /// The same request with a changed body.
    pub(crate) fn call_with<'c>(
        &'c self,
        client: &'c Client,
        scene: &Scene<'_>,
        change: impl FnOnce(&mut Value),
    ) -> Call<'c> {
        let mut call = client.call(&self.method, scene.path(&self.path) + &self.query);
        if self.takes_if_match {
            call = call.if_match("*");
        }
        for (name, value) in &self.headers {
            call = call.header(name, value.as_str());
        }
        if let Some(media_type) = &self.media_type {
            call = call.text(media_type, "h");
        }
        let Some(mut body) = self.body.clone() else { return call };
        self.fill(&mut body, scene);
        change(&mut body);
        call.json(body)
    }

    /// Makes the example of a body fit the scene, with unused codes and addresses and with ids that exist.
    fn fill(&self, body: &mut Value, scene: &Scene<'_>) {
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
