//! The endpoints of the catalog.

mod api;
mod document;
mod dto;
mod operations;

use crate::parts::Context;

/// The catalog, as the API sees it.
pub(crate) const CONTEXT: Context = Context::new::<api::CatalogApi>(operations::OPERATIONS, document::complete);
