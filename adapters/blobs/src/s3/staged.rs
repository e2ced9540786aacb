//! A content that is being written at once, or whose pieces have all arrived.

use super::{
    bucket::{Bucket, PART},
    buffer::extend,
    head,
    lock::Lock,
};
use async_trait::async_trait;
use object_store::multipart::PartId;
use sha2::{Digest as _, Sha256};
use skep_application::{
    files::{StagedBlob, WrittenBlob},
    kernel::StoreError,
};
use skep_domain::files::{Checksum, FileId};
use std::sync::Arc;

/// Keeps less than a part in memory. A content that is smaller than a part is sent when it is published, all at once.
pub(super) struct S3Staged {
    bucket: Arc<Bucket>,
    id: FileId,
    /// The right to a content that has arrived in pieces.
    lock: Option<Lock>,
    waiting: Vec<u8>,
    hash: Sha256,
    size: u64,
    upload: Option<String>,
    /// The entity tag of the head that notes the upload, without a lock.
    note: Option<String>,
    parts: Vec<PartId>,
    /// The part that has the bytes that wait. It is sent again if more follow.
    last: Option<PartId>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Writing,
    Synced,
    Failed,
}

impl S3Staged {
    pub(super) fn new(bucket: Arc<Bucket>, id: FileId, lock: Option<Lock>) -> Self {
        let (waiting, parts) = (vec![], vec![]);
        let (hash, state) = (Sha256::new(), State::Writing);
        Self { bucket, id, lock, waiting, hash, size: 0, upload: None, note: None, parts, last: None, state }
    }

    fn name(&self) -> String {
        self.id.to_string()
    }

    /// The upload in parts, which the first part begins. It is noted before it has parts, so that they are found after a
    /// crash.
    async fn upload(&mut self) -> Result<String, StoreError> {
        if let Some(upload) = &self.upload {
            return Ok(upload.clone());
        }
        let upload = self.bucket.begin(&self.name()).await?;
        self.upload = Some(upload.clone());
        match &mut self.lock {
            Some(lock) => lock.must_change(|head| head.upload = Some(upload.clone())).await?,
            None => self.note = Some(head::note(&self.bucket, self.id, &upload).await?),
        }
        Ok(upload)
    }

    /// Sends bytes as the next part.
    async fn send(&mut self, bytes: Vec<u8>) -> Result<PartId, StoreError> {
        let upload = self.upload().await?;
        self.bucket.part(&self.name(), &upload, self.parts.len(), bytes).await
    }

    /// The error for a piece that is not there.
    pub(super) async fn missing(&mut self) -> StoreError {
        match &mut self.lock {
            Some(lock) => lock.missing().await,
            None => StoreError::after_error(),
        }
    }

    async fn add(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            if let Some(lock) = &mut self.lock {
                lock.renew().await?;
            }
            let (fitting, rest) = bytes.split_at(bytes.len().min(PART - self.waiting.len()));
            extend(&mut self.waiting, fitting);
            self.hash.update(fitting);
            self.size += fitting.len() as u64;
            bytes = rest;
            if self.waiting.len() == PART {
                let bytes = std::mem::take(&mut self.waiting);
                let part = self.send(bytes).await?;
                self.parts.push(part);
            }
        }
        Ok(())
    }

    /// A content that has arrived in pieces is always an upload in parts, because that can be taken away from a writer that
    /// is late. One without a byte need not be: each one is like the other.
    async fn keep(&mut self) -> Result<(), StoreError> {
        let is_in_parts = self.upload.is_some() || self.lock.is_some();
        if is_in_parts && self.last.is_none() && !self.waiting.is_empty() {
            self.last = Some(self.send(self.waiting.clone()).await?);
        }
        Ok(())
    }

    async fn make(&mut self) -> Result<(), StoreError> {
        if let Some(lock) = &mut self.lock {
            lock.must_change(|head| head.may_be_published = true).await?;
        }
        let name = self.name();
        match self.upload.clone() {
            None => self.bucket.put(&name, std::mem::take(&mut self.waiting)).await?,
            Some(upload) => {
                let parts = std::mem::take(&mut self.parts).into_iter().chain(self.last.take());
                self.bucket.complete(&name, &upload, parts.collect()).await?;
                self.upload = None;
            }
        }
        if let Some(mut lock) = self.lock.take() {
            // A writer that has taken the content over keeps its head and its pieces.
            let pieces = lock.head.pieces.clone().unwrap_or_default();
            lock.must_change(|head| (head.pieces, head.upload) = (None, None)).await?;
            // It goes on if the caller does not wait for it.
            let _ = tokio::spawn(lock.remove(pieces)).await;
        } else if let Some(note) = self.note.take() {
            // What stays is removed with the content.
            let _ = head::forget(&self.bucket, self.id, &note).await;
        }
        Ok(())
    }
}

#[async_trait]
impl StagedBlob for S3Staged {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.state, State::Failed) == State::Failed {
            return Err(StoreError::after_error());
        }
        self.last = None;
        self.add(bytes).await?;
        self.state = State::Writing;
        Ok(())
    }

    async fn sync(&mut self) -> Result<WrittenBlob, StoreError> {
        if std::mem::replace(&mut self.state, State::Failed) == State::Failed {
            return Err(StoreError::after_error());
        }
        self.keep().await?;
        self.state = State::Synced;
        Ok(WrittenBlob { size: self.size, checksum: Checksum::new(self.hash.clone().finalize().into()) })
    }

    async fn publish(mut self: Box<Self>) -> Result<(), StoreError> {
        match self.state {
            State::Synced => self.make().await,
            State::Writing | State::Failed => Err(StoreError::after_error()),
        }
    }
}

impl Drop for S3Staged {
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else { return };
        if let Some(lock) = &mut self.lock {
            // Its end gives the upload up, also one that could not be noted.
            lock.head.upload = Some(upload);
            return;
        }
        let (bucket, id, note) = (Arc::clone(&self.bucket), self.id, self.note.take());
        // What cannot be removed now is left to the sweep of contents without a file.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let (Ok(()), Some(note)) = (bucket.abort(&id.to_string(), &upload).await, note) {
                let _ = head::forget(&bucket, id, &note).await;
            }
        });
    }
}
