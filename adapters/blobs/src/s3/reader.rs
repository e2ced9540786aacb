//! A content that is being read.

use super::bucket::{Bucket, Bytes};
use crate::memory::PIECE;
use async_trait::async_trait;
use skep_application::{files::BlobReader, kernel::StoreError};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) struct S3Reader {
    bucket: Arc<Bucket>,
    /// `None` after an error and at the end. The stream itself cannot be shared between threads.
    bytes: Mutex<Option<Bytes>>,
    /// What has arrived and was not returned yet.
    rest: bytes::Bytes,
}

impl S3Reader {
    pub(super) fn new(bucket: Arc<Bucket>, bytes: Bytes) -> Self {
        Self { bucket, bytes: Mutex::new(Some(bytes)), rest: bytes::Bytes::new() }
    }
}

#[async_trait]
impl BlobReader for S3Reader {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        while self.rest.is_empty() {
            let open = self.bytes.get_mut().unwrap_or_else(PoisonError::into_inner);
            let Some(mut bytes) = open.take() else { return Ok(None) };
            let Some(next) = self.bucket.next(&mut bytes).await? else { return Ok(None) };
            *open = Some(bytes);
            self.rest = next;
        }
        Ok(Some(self.rest.split_to(self.rest.len().min(PIECE)).into()))
    }
}
