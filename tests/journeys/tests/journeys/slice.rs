//! The slice: accounts, products, stock and orders, as a visitor, a user and an admin meet them.
//!
//! Each context has a file here, and says in it all that journeys have to know of it.

mod accounts;
mod catalog;
mod categories;
mod orders;
mod rush;

pub(crate) use rush::at_once;

use crate::{Journey, scene::Scene, shop::Shop};
use serde_json::Value;
use skep_journeys::Client;

/// Every context, one a line.
pub(crate) const CONTEXTS: &[Context] = &[
    accounts::CONTEXT, //
    catalog::CONTEXT,
    categories::CONTEXT,
    orders::CONTEXT,
];

/// Makes a value of a member of a body.
type Member = fn(String) -> Value;
/// Makes a whole body.
type Body = fn(&Scene) -> Value;

/// What a context adds to the journeys.
pub(crate) struct Context {
    /// Its stories.
    pub(crate) journeys: &'static [Journey],
    /// What its paths name by an id.
    pub(crate) things: &'static [Thing],
    /// Members of bodies whose value may stand in one thing only, and such a value of a name that nobody has.
    pub(crate) unique: &'static [(&'static str, Member)],
    /// Operations whose documented example is not right for a scene, and the body that is.
    pub(crate) bodies: &'static [(&'static str, Body)],
}

/// Something that paths name by an id.
pub(crate) struct Thing {
    /// The path of its collection.
    pub(crate) collection: &'static str,
    /// What lies below its path and belongs to it, for example `/stock`.
    pub(crate) parts: &'static [&'static str],
    /// Makes a new one, on behalf of the owner of the scene if it is somebody's; answers its id.
    pub(crate) make: fn(&Shop, &Client, &Scene) -> String,
}

pub(crate) fn journeys() -> Vec<Journey> {
    CONTEXTS.iter().flat_map(|context| context.journeys.iter().copied()).collect()
}
