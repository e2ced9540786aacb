//! Whose the contents are: to any other store of rows, all of them are without a file.

use super::BlobStore;
use crate::{kernel::StoreError, operations::Migrations};
use skep_domain::shared::Timestamp;
use std::sync::{Arc, OnceLock};

/// The store of rows that contents belong to.
///
/// Its mark is the time of its first migration: it is stored already, stays as long as the rows, and is the same in a
/// restored backup.
pub(super) struct ContentOwner {
    migrations: Arc<dyn Migrations>,
    /// The mark, when it is known.
    mark: OnceLock<String>,
}

/// Why contents are not touched.
#[derive(Debug, thiserror::Error)]
#[error(
    "the contents are those of the {owner}, and this is the {own}; check the address of the store and the place of the \
     contents, or delete `owner` beside the contents if both belong together"
)]
struct ForeignContents {
    owner: String,
    own: String,
}

impl ContentOwner {
    pub(super) fn new(migrations: Arc<dyn Migrations>) -> Self {
        Self { migrations, mark: OnceLock::new() }
    }

    /// Makes sure that these contents belong to this store. Those without an owner do from now on.
    ///
    /// # Errors
    /// `Corrupt` if they belong to another store.
    pub(super) async fn claim(&self, blobs: &dyn BlobStore) -> Result<(), StoreError> {
        let own = match self.mark.get() {
            Some(mark) => mark,
            None => {
                let steps = self.migrations.status().await.map_err(|error| StoreError::Unavailable(error.into()))?;
                let first = steps.iter().filter_map(|step| step.applied_at).min().unwrap_or(Timestamp::MIN);
                self.mark.get_or_init(|| format!("store of {first}"))
            }
        };
        let owner = blobs.claim(own).await?;
        if owner == *own {
            return Ok(());
        }
        Err(StoreError::Corrupt(ForeignContents { owner, own: own.clone() }.into()))
    }
}
