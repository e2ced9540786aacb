//! The operations of the OpenAPI document, and how to ask for each in a way that is right but for who asks.

use crate::shop::{ORDERS, PRODUCTS, Shop, basket, credentials, email};
use serde_json::{Value, json};
use skep_journeys::{Call, Client};
use std::sync::atomic::{AtomicU64, Ordering};

/// Whose token an operation looks at, by its `security`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// Nobody's: it ignores them.
    Nobody,
    /// That of whoever sends one.
    WhoSendsAToken,
    /// Everybody's.
    Everybody,
}

/// An operation of the document.
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) asks: Asks,
    /// The statuses that it documents, each by itself.
    pub(super) answers: Vec<String>,
    method: String,
    path: String,
    takes_if_match: bool,
    body: Option<Value>,
}

/// What an operation is asked for.
pub(super) struct Scene {
    /// A product that can be changed and sold.
    pub(super) product: String,
    /// An order that can be called off.
    pub(super) order: String,
}

impl Scene {
    /// A new product and an order of it.
    #[track_caller]
    pub(super) fn new(shop: &Shop, owner: &Client) -> Self {
        let product = shop.product(&unique("SCENE"), 1999, 10);
        let order = owner.post(ORDERS).json(basket(&[(&product, 1)])).send().expect(201).text("/id");
        Self { product, order }
    }
}

fn unique(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Operation {
    pub(super) fn all(document: &Value) -> Vec<Self> {
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
            asks,
            answers: operation["responses"].as_object().expect("responses").keys().cloned().collect(),
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            takes_if_match: parameters.into_iter().any(|parameter| parameter["name"] == "If-Match"),
            body: schema.map(|schema| schema["example"].clone()),
        }
    }

    pub(super) const fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// A request that nothing is wrong with, but perhaps who sends it.
    pub(super) fn call<'c>(&'c self, client: &'c Client, scene: &Scene) -> Call<'c> {
        self.call_with(client, scene, |_| {})
    }

    /// The same with another body.
    pub(super) fn call_with<'c>(
        &'c self,
        client: &'c Client,
        scene: &Scene,
        change: impl FnOnce(&mut Value),
    ) -> Call<'c> {
        let id = if self.path.starts_with(ORDERS) { &scene.order } else { &scene.product };
        assert!(
            !self.path.contains('{') || [ORDERS, PRODUCTS].iter().any(|known| self.path.starts_with(known)),
            "say here what stands in {}",
            self.path
        );
        let mut call = client.call(&self.method, self.path.replace("{id}", id));
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
        match self.name.as_str() {
            "log_in" => *body = credentials("owner"),
            "place_order" => *body = basket(&[(&scene.product, 1)]),
            _ => {}
        }
        if !body["sku"].is_null() {
            body["sku"] = json!(unique("NEW"));
        }
        if !body["email"].is_null() && self.name != "log_in" {
            body["email"] = json!(email(&unique("somebody")));
        }
    }
}
