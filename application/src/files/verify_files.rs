//! Comparing the contents of all files with their checksums.

use super::{BlobStore, FileQueries, FileView};
use crate::kernel::{Actor, ListError, PageRequest, Reader, StoreError};
use skep_domain::{
    files::{FileState, actions},
    shared::Direction,
};
use std::sync::Arc;

/// What is wrong with a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// There is no content.
    Missing,
    /// The content has another size or checksum than the file.
    Different,
}

/// What [`VerifyFiles`] has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifiedFiles {
    /// The number of files.
    pub files: u64,
    /// The number of their bytes, as their rows say.
    pub bytes: u64,
    /// How many files have no content, or a wrong one.
    pub damaged: u64,
}

/// Reads the contents of all files that the actor may see, and compares them with their checksums.
pub struct VerifyFiles {
    files: Reader<dyn FileQueries>,
    blobs: Arc<dyn BlobStore>,
}

impl VerifyFiles {
    /// Reads files from the one store and contents from the other.
    #[must_use]
    pub fn new(files: Arc<dyn FileQueries>, blobs: Arc<dyn BlobStore>) -> Self {
        Self { files: Reader::new(actions::READ_FILE, files), blobs }
    }

    /// Reads every file from the oldest to the newest, and reports each that is damaged. A file that is deleted meanwhile
    /// does not count as damaged.
    ///
    /// # Errors
    /// [`ListError`]. What is wrong with one content is not an error.
    pub async fn execute(
        &self,
        actor: &Actor,
        report: &mut (dyn FnMut(&FileView, Damage) + Send),
    ) -> Result<VerifiedFiles, ListError> {
        let (files, scope) = self.files.scoped(actor)?;
        let (mut verified, mut page) = (VerifiedFiles::default(), PageRequest::default());
        loop {
            let found = files.list_files(scope, Direction::Ascending, &page).await?;
            for file in found.items.iter().filter_map(FileView::of) {
                verified.files += 1;
                verified.bytes = verified.bytes.saturating_add(file.size);
                let Some(damage) = self.damage(&file).await? else { continue };
                let is_there = files.find_file(file.id).await?.is_some_and(|now| now.state == FileState::Ready);
                if is_there {
                    verified.damaged += 1;
                    report(&file, damage);
                }
            }
            if found.next.is_none() {
                return Ok(verified);
            }
            page.after = found.next;
        }
    }

    async fn damage(&self, file: &FileView) -> Result<Option<Damage>, StoreError> {
        let Some(mut content) = self.blobs.open_whole(file.id, file.written()).await? else {
            return Ok(Some(Damage::Missing));
        };
        loop {
            match content.read().await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(StoreError::Corrupt(_)) => return Ok(Some(Damage::Different)),
                Err(error) => return Err(error),
            }
        }
    }
}
