//! The store of the contents of files.

use crate::{config::Config, data_dir::DataDir, start_error::StartError};
use skep_application::files::{BlobStore, ContentTypes};
use skep_blobs::{DiskBlobs, SniffedTypes};
use std::sync::Arc;

/// Opens the folder of the contents.
///
/// # Errors
/// The folder cannot be made.
pub(crate) fn contents(config: &Config, data: &DataDir) -> Result<Arc<dyn BlobStore>, StartError> {
    let folder = config.files_dir.clone().unwrap_or_else(|| data.contents());
    match DiskBlobs::open(&folder) {
        Ok(blobs) => Ok(Arc::new(blobs)),
        Err(source) => Err(StartError::Files { folder, source }),
    }
}

/// Judges contents by their first bytes.
pub(crate) fn content_types() -> Arc<dyn ContentTypes> {
    Arc::new(SniffedTypes)
}
