//! The endpoints of the catalogue.

mod api;
mod dto;

pub(crate) use api::CatalogApi;
