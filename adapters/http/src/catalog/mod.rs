//! The endpoints of the catalog.

mod api;
mod categories;
mod document;
mod dto;
mod operations;

use crate::parts::Context;

/// The catalog, as the API sees it.
pub(crate) const CONTEXT: Context =
    Context::new::<(api::CatalogApi, categories::CategoryApi)>(operations::OPERATIONS, document::complete);
