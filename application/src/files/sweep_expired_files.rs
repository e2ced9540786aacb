//! Deletes the files whose time is over, such as the archives of exports.

use super::{EraseFiles, FileQueries};
use crate::kernel::{Round, StoreError, SweepAll};
use async_trait::async_trait;
use std::sync::Arc;

/// Deletes the files that have a time at which they are deleted, and their contents.
pub struct SweepExpiredFiles {
    files: Arc<dyn FileQueries>,
    erase: Arc<EraseFiles>,
}

impl SweepExpiredFiles {
    /// Finds files in `files`. `erase` deletes them.
    #[must_use]
    pub fn new(files: Arc<dyn FileQueries>, erase: Arc<EraseFiles>) -> Self {
        Self { files, erase }
    }
}

#[async_trait]
impl SweepAll for SweepExpiredFiles {
    fn name(&self) -> &'static str {
        "expired files"
    }

    async fn sweep_all(&self, round: &mut Round<'_>) -> Result<(), StoreError> {
        loop {
            let found = self.files.list_expired_files(round.now, round.limit).await?;
            let mut failed = Ok(());
            for id in &found {
                if round.is_stopped() {
                    return failed;
                }
                match self.erase.erase(*id, "expiry").await {
                    Ok(()) => round.swept += 1,
                    // The others may succeed.
                    Err(error) => failed = failed.and(Err(error)),
                }
            }
            failed?;
            if found.len() < round.limit as usize {
                return Ok(());
            }
        }
    }
}
