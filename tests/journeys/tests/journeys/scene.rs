//! One resource of each kind that requests need, as their targets.

use crate::{
    shop::{Shop, count},
    slice::{CONTEXTS, Thing, settle},
};
use serde_json::{Value, json};
use skep_journeys::Client;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// New resources of an owner, at most one of each kind. Each is made when a request first needs it.
pub(crate) struct Scene<'a> {
    shop: &'a Shop,
    owner: &'a Client,
    /// The ids of those that were made, by collection.
    made: RefCell<BTreeMap<&'static str, String>>,
}

pub(crate) fn things() -> impl Iterator<Item = &'static Thing> {
    CONTEXTS.iter().flat_map(|context| context.things)
}

/// A name that no other resource has.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl<'a> Scene<'a> {
    /// A scene without resources.
    pub(crate) const fn new(shop: &'a Shop, owner: &'a Client) -> Self {
        Self { shop, owner, made: RefCell::new(BTreeMap::new()) }
    }

    /// The id of the resource in this collection. It is made if it does not exist.
    #[track_caller]
    pub(crate) fn id(&self, collection: &str) -> String {
        if let Some(id) = self.made.borrow().get(collection) {
            return id.clone();
        }
        let thing = things()
            .find(|thing| thing.collection == collection)
            .unwrap_or_else(|| panic!("no context has a thing in {collection}"));
        let id = (thing.make)(self.shop, self.owner, self);
        self.made.borrow_mut().insert(thing.collection, id.clone());
        id
    }

    /// The path of this template, with the id of the scene's resource.
    pub(crate) fn path(&self, template: &str) -> String {
        let Some((collection, rest)) = template.split_once("/{") else { return template.to_owned() };
        let parts = rest.split_once('}').map_or("", |(_, parts)| parts);
        let parts = match parts.contains("{user_id}") {
            true => parts.replace("{user_id}", &self.id("/api/v1/users")),
            false => parts.to_owned(),
        };
        format!("{collection}/{}{parts}", self.id(collection))
    }

    /// Everything that an admin sees of the resources that were made, and the number of resources of each kind.
    pub(crate) fn state(&self) -> Vec<Value> {
        let admin = &self.shop.admin;
        settle(admin);
        let mut state = vec![];
        for thing in things().filter(|thing| !thing.is_busy) {
            if let Some(id) = self.made.borrow().get(thing.collection) {
                let path = format!("{}/{id}", thing.collection);
                let parts = std::iter::once(&"").chain(thing.parts);
                state.extend(parts.map(|part| admin.get(format!("{path}{part}")).send().ok().json()));
            }
            state.push(json!(count(admin, thing.collection)));
        }
        state
    }
}
