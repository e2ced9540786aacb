//! Where resources are.

use poem_openapi::Object;
use serde::Serialize;
use std::fmt::{Display, Write as _};

/// Where a resource is.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename = "SelfLink")]
pub(crate) struct SelfLink {
    /// The path of the resource itself.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    pub(crate) this: String,
}

impl SelfLink {
    pub(crate) fn to(path: String) -> Self {
        Self { this: path }
    }
}

/// The path of a resource below `base`, by id, and what follows it; in one allocation.
pub(crate) fn path_of(base: &str, id: impl Display, rest: &str) -> String {
    /// The characters of an id.
    const ID: usize = 36;
    let mut path = String::with_capacity(base.len() + 1 + ID + rest.len());
    path.push_str(base);
    path.push('/');
    // Writing to a string does not fail.
    let _ = write!(path, "{id}");
    path.push_str(rest);
    path
}
