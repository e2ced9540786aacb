//! The store that contents belong to. To any other store, all of them are without a file.

use super::{BlobStore, FileQueries};
use crate::{kernel::StoreError, operations::Migrations};
use skep_domain::{files::FileId, shared::Timestamp};
use std::sync::{Arc, OnceLock};

/// How many contents are looked at to see whether those without an owner may be of another store.
const LOOKED_AT: u32 = 100;

/// The store of rows that contents belong to.
///
/// Its mark is the time of its first migration: it is stored already, stays as long as the rows, and is the same in a
/// restored backup.
pub(super) struct ContentOwner {
    migrations: Arc<dyn Migrations>,
    files: Arc<dyn FileQueries>,
    /// The time of the first migration, when it is known.
    first: OnceLock<Timestamp>,
}

/// Why contents are not touched.
#[derive(Debug, thiserror::Error)]
enum ForeignContents {
    #[error(
        "the contents belong to the {owner}, but here is the {this}; check the address of the store and the place of \
         the contents, or delete `owner` beside the contents if both belong together"
    )]
    Owned { owner: String, this: String },
    #[error(
        "there are contents from before this store was made, and none of a file that it has; check the address of the \
         store and the place of the contents, or write `{own}` into `owner` beside the contents if both belong together"
    )]
    Older { own: String },
}

impl ContentOwner {
    pub(super) const fn new(migrations: Arc<dyn Migrations>, files: Arc<dyn FileQueries>) -> Self {
        Self { migrations, files, first: OnceLock::new() }
    }

    /// Makes sure that these contents belong to this store. Those without an owner do from now on, unless they look like
    /// those of another store.
    ///
    /// # Errors
    /// `Corrupt` if they belong to another store.
    pub(super) async fn claim(&self, blobs: &dyn BlobStore) -> Result<(), StoreError> {
        self.look(blobs).await?;
        let own = mark(self.first().await?);
        same(blobs.claim(&own).await?, own)
    }

    /// The same without a change.
    ///
    /// # Errors
    /// As for [`Self::claim`].
    pub(super) async fn look(&self, blobs: &dyn BlobStore) -> Result<(), StoreError> {
        let first = self.first().await?;
        if let Some(owner) = blobs.owner().await? {
            return same(owner, mark(first));
        }
        let kept = blobs.list(None, LOOKED_AT).await?;
        if kept.iter().all(|blob| blob.written_at >= first) {
            return Ok(());
        }
        let ids: Vec<FileId> = kept.into_iter().map(|blob| blob.id).collect();
        if self.files.list_known_files(&ids).await?.is_empty() {
            return Err(StoreError::Corrupt(ForeignContents::Older { own: mark(first) }.into()));
        }
        Ok(())
    }

    async fn first(&self) -> Result<Timestamp, StoreError> {
        if let Some(first) = self.first.get() {
            return Ok(*first);
        }
        let steps = self.migrations.status().await.map_err(|error| StoreError::Unavailable(error.into()))?;
        let first = steps.iter().filter_map(|step| step.applied_at).min().unwrap_or(Timestamp::MIN);
        Ok(*self.first.get_or_init(|| first))
    }
}

fn mark(first: Timestamp) -> String {
    format!("store of {first}")
}

fn same(owner: String, own: String) -> Result<(), StoreError> {
    if owner == own { Ok(()) } else { Err(StoreError::Corrupt(ForeignContents::Owned { owner, this: own }.into())) }
}
