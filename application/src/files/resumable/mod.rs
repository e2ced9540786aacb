//! Uploads that arrive in pieces. A request takes the hold of the upload, writes from the durable offset, and stores the
//! new offset under its hold. The last piece makes the file ready, with the same step as an upload at once.

mod append_upload;
mod create_upload;
mod get_upload;
mod hold;
mod list_uploads;
mod terminate_upload;
#[cfg(test)]
mod upload_tests;

pub use append_upload::{
    AppendUpload, AppendUploadCommand, AppendUploadError, Appended, Appending, PieceMismatch, PieceTooLong,
    UploadComplete, UploadExpired, UploadLocked, WrongOffset,
};
pub use create_upload::{CreateUpload, CreateUploadCommand, CreateUploadError, StoreUpload};
pub use get_upload::{GetUpload, GetUploadError};
pub use list_uploads::ListUploads;
pub use terminate_upload::{TerminateUpload, TerminateUploadError};
