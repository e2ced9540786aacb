//! Deletes the files of a user whose account is erased.

use super::{DeleteFileCommand, DeleteFileError, FileQueries, FilesTx, MarkFileDeleted, RemoveFiles};
use crate::kernel::{Actor, Commands, EraseUser, Precondition, Round, StoreError, UseCase};
use async_trait::async_trait;
use skep_domain::{files::FileId, shared::UserId};
use std::sync::Arc;

/// Deletes all files and uploads of a user, and their contents.
pub struct EraseFiles {
    files: Arc<dyn FileQueries>,
    mark: UseCase<MarkFileDeleted>,
    remove: Arc<RemoveFiles>,
}

impl EraseFiles {
    /// Finds files in `files`. `remove` deletes the contents.
    #[must_use]
    pub fn new(files: Arc<dyn FileQueries>, commands: &Commands<dyn FilesTx>, remove: Arc<RemoveFiles>) -> Self {
        Self { files, mark: UseCase::new(MarkFileDeleted, commands), remove }
    }

    /// Deletes a file and its content, or gives an upload up. The event names `cause` as its request.
    pub(super) async fn erase(&self, file_id: FileId, cause: &str) -> Result<(), StoreError> {
        let command = DeleteFileCommand { file_id, precondition: Precondition::Any };
        match self.mark.execute(&Actor::system(cause), command).await {
            // It is an upload, or deleted already.
            Ok(()) | Err(DeleteFileError::NotFound(_)) => {}
            Err(DeleteFileError::Store(error)) => return Err(error),
            Err(refused) => return Err(StoreError::unreadable(refused)),
        }
        self.remove.remove(file_id).await.map(drop)
    }
}

#[async_trait]
impl EraseUser for EraseFiles {
    async fn erase_user(&self, user: UserId, round: &Round<'_>) -> Result<(), StoreError> {
        loop {
            let found = self.files.list_files_of(user, round.limit).await?;
            let mut failed = Ok(());
            for id in &found {
                if round.is_stopped() {
                    return failed;
                }
                // The others may succeed.
                failed = failed.and(self.erase(*id, "erasure").await);
            }
            failed?;
            // An upload may have become ready before it was given up. So the last look finds nothing.
            if found.is_empty() {
                return Ok(());
            }
        }
    }
}
