//! One resource of every kind, as the targets of requests.

use crate::{
    shop::{Shop, count},
    slice::{CONTEXTS, Thing},
};
use serde_json::{Value, json};
use skep_journeys::Client;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// The ids of one new resource of every kind, by collection.
#[derive(Default)]
pub(crate) struct Scene(BTreeMap<&'static str, String>);

pub(crate) fn things() -> impl Iterator<Item = &'static Thing> {
    CONTEXTS.iter().flat_map(|context| context.things)
}

/// A name that no other resource has.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Scene {
    /// Makes a new resource of every kind. A later one may refer to an earlier one.
    #[track_caller]
    pub(crate) fn new(shop: &Shop, owner: &Client) -> Self {
        let mut scene = Self::default();
        for thing in things() {
            let id = (thing.make)(shop, owner, &scene);
            scene.0.insert(thing.collection, id);
        }
        scene
    }

    /// The id of the resource in this collection.
    pub(crate) fn id(&self, collection: &str) -> &str {
        self.0.get(collection).unwrap_or_else(|| panic!("no context has a thing in {collection}"))
    }

    /// The path of this template, with the id of the scene's resource.
    pub(crate) fn path(&self, template: &str) -> String {
        let Some((collection, rest)) = template.split_once("/{") else { return template.to_owned() };
        let parts = rest.split_once('}').map_or("", |(_, parts)| parts);
        format!("{collection}/{}{parts}", self.id(collection))
    }

    /// Everything that an admin sees of these resources, and the number of resources of each kind.
    pub(crate) fn state(&self, admin: &Client) -> Vec<Value> {
        let mut state = vec![];
        for thing in things().filter(|thing| !thing.is_busy) {
            let path = format!("{}/{}", thing.collection, self.id(thing.collection));
            let parts = std::iter::once(&"").chain(thing.parts);
            state.extend(parts.map(|part| admin.get(format!("{path}{part}")).send().ok().json()));
            state.push(json!(count(admin, thing.collection)));
        }
        state
    }
}
