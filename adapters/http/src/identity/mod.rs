//! The endpoints of identity.

mod api;
mod document;
mod dto;
mod operations;

use crate::parts::Context;

/// The endpoints, operations and examples of identity.
pub(crate) const CONTEXT: Context = Context::new::<api::IdentityApi>(operations::OPERATIONS, document::complete);
