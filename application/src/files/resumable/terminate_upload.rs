//! Ending an upload.

use super::get_upload::own;
use crate::{
    files::{DeleteFile, DeleteFileCommand, DeleteFileError, FileQueries, RemoveFiles},
    kernel::{Actor, Denied, NotFound, Precondition, permit, use_case_error},
};
use skep_domain::files::{FileId, FileState, actions};
use std::sync::Arc;

use_case_error! {
    /// The reason why the upload was not ended.
    TerminateUploadError {
        Denied(Denied),
        NotFound(NotFound),
    }
}

/// Removes an upload with everything that was received. If it is complete, its file is deleted.
pub struct TerminateUpload {
    files: Arc<dyn FileQueries>,
    delete_file: Arc<DeleteFile>,
    remove: Arc<RemoveFiles>,
}

impl TerminateUpload {
    /// Finds uploads in this store, and ends them with these use cases.
    #[must_use]
    pub fn new(files: Arc<dyn FileQueries>, delete_file: Arc<DeleteFile>, remove: Arc<RemoveFiles>) -> Self {
        Self { files, delete_file, remove }
    }

    /// Ends the upload. A request that adds bytes to it meanwhile stores nothing more.
    ///
    /// # Errors
    /// [`TerminateUploadError`].
    pub async fn execute(&self, actor: &Actor, id: FileId) -> Result<(), TerminateUploadError> {
        permit(actor, actions::UPLOAD_FILE)?;
        let file = own(actor, self.files.find_file(id).await?).ok_or(NotFound("upload"))?;
        // It may have become ready after it was found, and is then deleted as a file.
        if file.state == FileState::Uploading && self.remove.remove(id).await? {
            return Ok(());
        }
        let command = DeleteFileCommand { file_id: id, precondition: Precondition::Missing };
        self.delete_file.execute_once(actor, None, command).await.map_err(|error| match error {
            DeleteFileError::Denied(denied) => denied.into(),
            DeleteFileError::Store(error) => error.into(),
            DeleteFileError::NotFound(_) | DeleteFileError::Unmet(_) | DeleteFileError::KeyReused(_) => {
                NotFound("upload").into()
            }
        })
    }
}
