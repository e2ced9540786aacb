//! The endpoints of identity.

mod accounts;
mod api;
mod document;
mod dto;
mod exports;
mod groups;
mod links;
mod operations;
mod profile;
mod refresh;
mod roles;
mod sessions;
mod user_filters;

use crate::parts::Context;

/// The endpoints, operations and examples of identity.
pub(crate) const CONTEXT: Context = Context::new::<(
    api::IdentityApi,
    links::LinkApi,
    sessions::SessionApi,
    refresh::RefreshApi,
    accounts::AccountApi,
    exports::ExportApi,
    roles::RoleApi,
    groups::GroupApi,
)>(operations::OPERATIONS, document::complete);
