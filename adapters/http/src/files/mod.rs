//! The endpoints of files.

mod api;
mod content;
mod document;
mod dto;
mod file_name;
mod operations;
mod parameters;
mod range;
mod upload;

use crate::parts::Context;

/// The endpoints, operations and examples of files.
pub(crate) const CONTEXT: Context = Context::new::<api::FilesApi>(operations::OPERATIONS, document::complete);
