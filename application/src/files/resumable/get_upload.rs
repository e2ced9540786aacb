//! Where an upload goes on.

use super::UploadExpired;
use crate::{
    files::{FileQueries, UploadView},
    kernel::{Actor, Clock, Denied, NotFound, permit, scope, use_case_error},
};
use skep_domain::files::{File, FileId, actions};
use std::sync::Arc;

use_case_error! {
    /// The reason why no upload is shown.
    GetUploadError {
        Denied(Denied),
        NotFound(NotFound),
        Expired(UploadExpired),
    }
}

/// Returns one upload to its owner.
pub struct GetUpload {
    files: Arc<dyn FileQueries>,
    clock: Arc<dyn Clock>,
}

impl GetUpload {
    /// Reads from this store. The clock decides which uploads have expired.
    #[must_use]
    pub fn new(files: Arc<dyn FileQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { files, clock }
    }

    /// Reads the upload with this id. An upload of another user counts as not found. A complete one is shown as long as its
    /// file exists.
    ///
    /// # Errors
    /// [`GetUploadError`].
    pub async fn execute(&self, actor: &Actor, id: FileId) -> Result<UploadView, GetUploadError> {
        permit(actor, actions::UPLOAD_FILE)?;
        let file = own(actor, self.files.find_file(id).await?).ok_or(NotFound("upload"))?;
        if file.is_expired(self.clock.now()) {
            return Err(UploadExpired.into());
        }
        Ok(UploadView::of(&file).ok_or(NotFound("upload"))?)
    }
}

/// The file, if it is an upload of the actor that arrives in pieces.
pub(super) fn own(actor: &Actor, found: Option<File>) -> Option<File> {
    let own = scope(actor, actions::UPLOAD_FILE);
    found.filter(|file| own.admits(file.owner_id) && UploadView::of(file).is_some())
}
