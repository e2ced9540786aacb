//! The endpoints of the catalog.

mod api;
mod categories;
mod document;
mod dto;
mod facets;
mod operations;

use crate::parts::Context;

/// The endpoints, operations and examples of the catalog.
pub(crate) const CONTEXT: Context =
    Context::new::<(api::CatalogApi, categories::CategoryApi)>(operations::OPERATIONS, document::complete);
