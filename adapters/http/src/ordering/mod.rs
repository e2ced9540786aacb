//! The endpoints of ordering.

mod api;
mod document;
mod dto;
mod operations;

use crate::parts::Context;

/// The endpoints, operations and examples of ordering.
pub(crate) const CONTEXT: Context = Context::new::<api::OrderingApi>(operations::OPERATIONS, document::complete);
