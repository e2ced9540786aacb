//! The files of a user in an export.

use super::{FileQueries, FileView, UploadView};
use crate::kernel::{ExportUser, Page, PageRequest, Scope, StoreError, exported};
use async_trait::async_trait;
use serde_json::Value;
use skep_domain::{
    files::File,
    shared::{Direction, Timestamp, UserId},
};
use std::sync::Arc;

/// The files of a user, without their contents, and except exports.
pub struct ExportFiles(Arc<dyn FileQueries>);

impl ExportFiles {
    /// Reads from this store.
    #[must_use]
    pub const fn new(files: Arc<dyn FileQueries>) -> Self {
        Self(files)
    }
}

#[async_trait]
impl ExportUser for ExportFiles {
    fn section(&self) -> &'static str {
        "files"
    }

    async fn read(&self, user: UserId, _: Timestamp, page: &PageRequest) -> Result<Page<Value>, StoreError> {
        let found = self.0.list_files(Scope::OwnedBy(user), Direction::Ascending, page).await?;
        page_of(found, |file| FileView::of(file).filter(|file| file.purpose.is_sent()).as_ref().map(exported))
    }
}

/// The uploads of a user that arrive in pieces and are not complete.
pub struct ExportUploads(Arc<dyn FileQueries>);

impl ExportUploads {
    /// Reads from this store.
    #[must_use]
    pub const fn new(files: Arc<dyn FileQueries>) -> Self {
        Self(files)
    }
}

#[async_trait]
impl ExportUser for ExportUploads {
    fn section(&self) -> &'static str {
        "uploads"
    }

    async fn read(&self, user: UserId, now: Timestamp, page: &PageRequest) -> Result<Page<Value>, StoreError> {
        let found = self.0.list_open_uploads(user, now, Direction::Ascending, page).await?;
        page_of(found, |file| UploadView::of(file).as_ref().map(exported))
    }
}

fn page_of(
    found: Page<File>,
    export: impl Fn(&File) -> Option<Result<Value, StoreError>>,
) -> Result<Page<Value>, StoreError> {
    let items = found.items.iter().filter_map(export).collect::<Result<_, _>>()?;
    Ok(Page { items, next: found.next, total: found.total })
}
