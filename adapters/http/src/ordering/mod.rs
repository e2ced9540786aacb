//! The endpoints of ordering.

mod api;
mod document;
mod dto;
mod operations;

use crate::parts::Context;

/// Ordering, as the API sees it.
pub(crate) const CONTEXT: Context = Context::new::<api::OrderingApi>(operations::OPERATIONS, document::complete);
