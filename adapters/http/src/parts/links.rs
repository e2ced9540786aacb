//! The paths of resources in answers.

use poem_openapi::Object;
use serde::Serialize;
use skep_domain::files::FileId;
use std::fmt::{Display, Write as _};

/// The path of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename = "SelfLink")]
pub(crate) struct SelfLink {
    /// The path of this resource.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    pub(crate) this: String,
}

impl SelfLink {
    pub(crate) fn to(path: String) -> Self {
        Self { this: path }
    }
}

/// The path of the files.
pub(crate) const FILES: &str = "/api/v1/files";

/// The parameter of a content that names the size of a picture.
pub(crate) const SIZE: &str = "size";
/// The parameter of a content that has the length of the size.
pub(crate) const SIDE: &str = "side";

/// The path of the content of a file. Every context that shows files links to it.
pub(crate) fn content_path(id: FileId) -> String {
    path_of(FILES, id, "/content")
}

/// The path `{base}/{id}{rest}`, made in one allocation.
pub(crate) fn path_of(base: &str, id: impl Display, rest: &str) -> String {
    /// The length of an id in characters.
    const ID: usize = 36;
    let mut path = String::with_capacity(base.len() + 1 + ID + rest.len());
    path.push_str(base);
    path.push('/');
    // Writing to a string never fails.
    let _ = write!(path, "{id}");
    path.push_str(rest);
    path
}
