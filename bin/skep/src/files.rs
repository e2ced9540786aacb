//! The store of the contents of files.

use crate::{
    check::{self, Level},
    config::Config,
    data_dir::DataDir,
    scanning,
    start_error::StartError,
};
use skep_application::{
    files::{BlobStore, ContentTypes, Scanner},
    kernel::Runtime,
};
use skep_blobs::{DiskBlobs, S3Blobs, SniffedTypes};
use std::sync::Arc;

/// The contents of files, and the bucket if they are in one.
pub(crate) struct Contents {
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) bucket: Option<S3Blobs>,
}

/// Opens the bucket or the folder of the contents. A bucket is asked for the first time when it is used.
///
/// # Errors
/// The folder cannot be made, or the client of the bucket cannot be set up.
pub(crate) fn contents(config: &Config, data: &DataDir, runtime: Runtime) -> Result<Contents, StartError> {
    if let Some(options) = &config.s3 {
        let bucket = S3Blobs::new(options, runtime).map_err(StartError::Bucket)?;
        return Ok(Contents { blobs: Arc::new(bucket.clone()), bucket: Some(bucket) });
    }
    let folder = config.files_dir.clone().unwrap_or_else(|| data.contents());
    match DiskBlobs::open(&folder) {
        Ok(blobs) => Ok(Contents { blobs: Arc::new(blobs), bucket: None }),
        Err(source) => Err(StartError::Files { folder, source }),
    }
}

/// Warns if the bucket of the contents cannot be used now. Everything but files works without it.
pub(crate) async fn report_bucket(config: Config) {
    for finding in check::bucket(&config).await.into_iter().filter(|finding| finding.level != Level::Ok) {
        tracing::warn!(
            remedy = finding.remedy,
            "{}; until it answers, contents of files are unavailable",
            finding.text
        );
    }
}

/// The scanner of files, if there is one. It is asked for the first time when it is used.
///
/// # Errors
/// Its client cannot be set up.
pub(crate) fn scanner(config: &Config, runtime: Runtime) -> Result<Option<Arc<dyn Scanner>>, StartError> {
    let scanner = scanning::scanner(config, runtime).map_err(StartError::Scanner)?;
    Ok(scanner.map(|named| named.scanner))
}

/// Judges contents by their first bytes.
pub(crate) fn content_types() -> Arc<dyn ContentTypes> {
    Arc::new(SniffedTypes)
}
