//! The open uploads of a user.

use crate::{
    files::{FileQueries, UploadView},
    kernel::{Actor, Clock, ListError, Page, PageRequest, Reader, account},
};
use skep_domain::{files::actions, shared::Direction};
use std::sync::Arc;

/// Returns pages of uploads that are not complete. Every caller gets its own uploads only, also staff.
pub struct ListUploads {
    files: Reader<dyn FileQueries>,
    clock: Arc<dyn Clock>,
}

impl ListUploads {
    /// Reads from this store. The clock decides which uploads have expired.
    #[must_use]
    pub fn new(files: Arc<dyn FileQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { files: Reader::new(actions::UPLOAD_FILE, files), clock }
    }

    /// Reads a page of the open uploads of the actor.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<UploadView>, ListError> {
        let (files, owner) = (self.files.open(actor)?, account(actor, actions::UPLOAD_FILE)?);
        let uploads = files.list_open_uploads(owner, self.clock.now(), direction, page).await?;
        let items = uploads.items.iter().filter_map(UploadView::of).collect();
        Ok(Page { items, next: uploads.next, total: uploads.total })
    }
}
