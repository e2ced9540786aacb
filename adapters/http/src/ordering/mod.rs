//! The endpoints of ordering.

mod api;
mod dto;

pub(crate) use api::OrderingApi;
