//! The slice: accounts, products, stock, orders and jobs, as a visitor, a user and an admin use them.
//!
//! Each context has a file here, with everything that journeys need to know about it.

mod accounts;
mod catalog;
mod categories;
mod cookies;
mod deletion;
mod email_change;
mod events;
mod exports;
mod file_links;
mod files;
mod forms;
mod groups;
mod images;
mod invitations;
mod jobs;
mod links;
mod mail_templates;
mod open_uploads;
mod orders;
mod pictures;
mod refresh;
mod roles;
mod rush;
mod scans;
mod schedules;
mod search;
mod sessions;
mod upload_links;
mod uploads;
mod users;

pub(crate) use exports::settle;
pub(crate) use files::{at as file_at, content_of, put as put_file};
pub(crate) use images::PICTURE;
pub(crate) use rush::{at_once, insist};
pub(crate) use uploads::{add as add_piece, create as create_upload};

use crate::{Journey, scene::Scene, shop::Shop};
use serde_json::Value;
use skep_journeys::Client;

/// Every context, one per line.
pub(crate) const CONTEXTS: &[Context] = &[
    accounts::CONTEXT, //
    links::CONTEXT,
    deletion::CONTEXT,
    exports::CONTEXT,
    email_change::CONTEXT,
    invitations::CONTEXT,
    sessions::CONTEXT,
    refresh::CONTEXT,
    cookies::CONTEXT,
    users::CONTEXT,
    roles::CONTEXT,
    groups::CONTEXT,
    catalog::CONTEXT,
    pictures::CONTEXT,
    categories::CONTEXT,
    orders::CONTEXT,
    jobs::CONTEXT,
    schedules::CONTEXT,
    mail_templates::CONTEXT,
    events::CONTEXT,
    files::CONTEXT,
    file_links::CONTEXT,
    images::CONTEXT,
    scans::CONTEXT,
    forms::CONTEXT,
    uploads::CONTEXT,
    upload_links::CONTEXT,
    open_uploads::CONTEXT,
    search::CONTEXT,
];

/// Makes the value of a member of a body from a unique name.
type Member = fn(String) -> Value;
/// Makes a complete body for a scene.
type Body = fn(&Scene<'_>) -> Value;

/// The part that a context adds to the journeys.
pub(crate) struct Context {
    /// The journeys of the context.
    pub(crate) journeys: &'static [Journey],
    /// The resources that its paths name by an id or a name.
    pub(crate) things: &'static [Thing],
    /// Members of bodies whose value must be unique, and a function that makes an unused value.
    pub(crate) unique: &'static [(&'static str, Member)],
    /// Operations whose documented example does not fit a scene, and a body that does.
    pub(crate) bodies: &'static [(&'static str, Body)],
}

/// A kind of resource that paths name by an id or a name.
pub(crate) struct Thing {
    /// The path of its collection.
    pub(crate) collection: &'static str,
    /// The paths below its own that belong to it, for example `/stock`.
    pub(crate) parts: &'static [&'static str],
    /// Whether the server changes them meanwhile by itself, or admins do not see them, so that they say nothing about
    /// refused requests.
    pub(crate) is_busy: bool,
    /// Creates one and returns its id. If the resource has an owner, it is the owner of the scene.
    pub(crate) make: fn(&Shop, &Client, &Scene<'_>) -> String,
}

pub(crate) fn journeys() -> Vec<Journey> {
    CONTEXTS.iter().flat_map(|context| context.journeys.iter().copied()).collect()
}
