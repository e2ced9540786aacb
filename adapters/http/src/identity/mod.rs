//! The endpoints of identity.

mod api;
mod document;
mod dto;
mod operations;
mod refresh;
mod sessions;

use crate::parts::Context;

/// The endpoints, operations and examples of identity.
pub(crate) const CONTEXT: Context = Context::new::<(api::IdentityApi, sessions::SessionApi, refresh::RefreshApi)>(
    operations::OPERATIONS,
    document::complete,
);
