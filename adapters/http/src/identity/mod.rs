//! The endpoints of identity.

mod api;
mod dto;

pub(crate) use api::IdentityApi;
