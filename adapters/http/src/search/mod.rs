//! The endpoint of search.

mod api;
mod document;
mod dto;
mod operations;

use crate::parts::Context;

/// The endpoints, operations and examples of search.
pub(crate) const CONTEXT: Context = Context::new::<api::SearchApi>(operations::OPERATIONS, document::complete);
