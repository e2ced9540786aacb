//! The endpoints of identity.

mod api;
mod document;
mod dto;
mod operations;

use crate::parts::Context;

/// Identity, as the API sees it.
pub(crate) const CONTEXT: Context = Context::new::<api::IdentityApi>(operations::OPERATIONS, document::complete);
