//! The endpoints of files.

mod api;
mod content;
mod document;
mod dto;
mod file_name;
mod form;
mod links;
mod operations;
mod parameters;
mod piece;
mod piece_checksum;
mod range;
mod tus;
mod upload;
mod uploads;

use crate::parts::Context;

/// The endpoints, operations and examples of files.
pub(crate) const CONTEXT: Context =
    Context::new::<(api::FilesApi, uploads::UploadsApi)>(operations::OPERATIONS, document::complete)
        .speaking(tus::PROTOCOL);
