//! The operations of files.

use crate::{
    edge::BodyLimit,
    parts::{Cost, Operation},
};
use skep_application::{
    files::{
        AppendUploadError, CreateUploadError, DeleteFileError, GetUploadError, ShowContentError, SignFileLinkError,
        SignUploadLinkError, TerminateUploadError, UploadFileError, UploadLinkedFileError,
    },
    kernel::{GetError, ListError},
};
use skep_domain::files::actions::{DELETE_FILE, READ_FILE, READ_PUBLIC_FILE, UPLOAD_FILE, UPLOAD_LINKED_FILE};

/// The largest file that a client can send. A sender may be slower than 16 KiB per second for 30 s in all.
const CONTENT: BodyLimit = BodyLimit::streamed(100 << 10, 30, 16);

/// The request for a link.
const LINK: BodyLimit = BodyLimit::new(4, 10);

/// Each operation with its action and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("upload_file", UPLOAD_FILE, UploadFileError::REFUSALS).body(CONTENT),
    Operation::new("list_files", READ_FILE, ListError::REFUSALS).cost(Cost::Page),
    Operation::new("get_file", READ_PUBLIC_FILE, GetError::REFUSALS),
    Operation::new("get_file_content", READ_PUBLIC_FILE, ShowContentError::REFUSALS),
    Operation::new("sign_file_link", READ_FILE, SignFileLinkError::REFUSALS).body(LINK),
    Operation::new("sign_upload_link", UPLOAD_FILE, SignUploadLinkError::REFUSALS).body(LINK),
    Operation::new("upload_linked_file", UPLOAD_LINKED_FILE, UploadLinkedFileError::REFUSALS).body(CONTENT),
    Operation::new("delete_file", DELETE_FILE, DeleteFileError::REFUSALS),
    Operation::new("create_upload", UPLOAD_FILE, CreateUploadError::REFUSALS),
    Operation::new("list_uploads", UPLOAD_FILE, ListError::REFUSALS).cost(Cost::Page),
    Operation::new("get_upload", UPLOAD_FILE, GetUploadError::REFUSALS),
    Operation::new("append_upload", UPLOAD_FILE, AppendUploadError::REFUSALS).body(CONTENT),
    Operation::new("terminate_upload", UPLOAD_FILE, TerminateUploadError::REFUSALS),
];

#[cfg(test)]
mod tests {
    use super::*;
    use skep_domain::files::FilePurpose;

    #[test]
    fn the_largest_file_that_is_sent_fits_into_a_body() {
        let most = FilePurpose::SENT.iter().map(|purpose| purpose.most_bytes()).max();
        assert_eq!(most, Some(CONTENT.bytes));
    }
}
