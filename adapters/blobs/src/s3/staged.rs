//! A content that is being written at once, or whose pieces have all arrived.

use super::{
    bucket::{Bucket, PART},
    head,
    lock::Lock,
    part::Part,
    room::Room,
};
use async_trait::async_trait;
use bytes::Bytes;
use object_store::multipart::PartId;
use sha2::{Digest as _, Sha256};
use skep_application::{
    files::{StagedBlob, WrittenBlob},
    kernel::{IdGenerator, StoreError},
};
use skep_domain::files::{Checksum, FileId};
use std::sync::Arc;

/// Keeps less than a part. A content that is smaller than a part is sent when it is published, all at once.
pub(super) struct S3Staged {
    bucket: Arc<Bucket>,
    id: FileId,
    /// The right to a content that has arrived in pieces.
    lock: Option<Lock>,
    part: Part,
    hash: Sha256,
    size: u64,
    upload: Option<String>,
    /// The entity tag of the head that notes the upload, without a lock.
    note: Option<String>,
    parts: Vec<PartId>,
    /// What was sent of the present part. It is sent again if more bytes follow.
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
    pub(super) fn new(
        (bucket, id): (Arc<Bucket>, FileId),
        room: &Arc<Room>,
        ids: Arc<dyn IdGenerator>,
        lock: Option<Lock>,
    ) -> Self {
        let part = Part::new(Arc::clone(&bucket), id, room, ids);
        let (hash, state) = (Sha256::new(), State::Writing);
        Self { bucket, id, lock, part, hash, size: 0, upload: None, note: None, parts: vec![], last: None, state }
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

    /// Waits for work on a content whose right may have to be renewed.
    async fn meanwhile<T>(
        lock: &mut Option<Lock>,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match lock {
            Some(lock) => lock.meanwhile(work).await,
            None => work.await,
        }
    }

    /// Sends bytes as the next part.
    async fn send(&mut self, bytes: Bytes) -> Result<PartId, StoreError> {
        let (name, upload) = (self.name(), self.upload().await?);
        let sent = self.bucket.part(&name, &upload, self.parts.len(), bytes);
        Self::meanwhile(&mut self.lock, sent).await
    }

    /// Waits for a place if so many bytes of the server, which are to follow, need one. Returns how many the part lacks.
    pub(super) async fn reserve(&mut self, bytes: u64) -> Result<u64, StoreError> {
        let missing = PART - self.part.len();
        let bytes = usize::try_from(bytes).map_or(missing, |bytes| bytes.min(missing));
        let wide = self.part.widen(self.part.len() + bytes);
        Self::meanwhile(&mut self.lock, wide).await?;
        Ok(missing as u64)
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
                // These bytes come from the server.
                self.reserve(bytes.len() as u64).await?;
            }
            let (fitting, rest) = bytes.split_at(self.part.add(bytes).await?);
            self.hash.update(fitting);
            self.size += fitting.len() as u64;
            bytes = rest;
            if self.part.len() == PART {
                let bytes = self.part.take().await?;
                let part = self.send(bytes).await?;
                self.parts.push(part);
                self.part.clean().await;
            }
        }
        Ok(())
    }

    /// A content that has arrived in pieces is always an upload in parts, because that can be taken away from a writer that
    /// is late. One without a byte need not be: each one is like the other.
    async fn keep(&mut self) -> Result<(), StoreError> {
        let is_in_parts = self.upload.is_some() || self.lock.is_some();
        if is_in_parts && self.last.is_none() && !self.part.is_empty() {
            let bytes = self.part.share().await?;
            self.last = Some(self.send(bytes).await?);
        }
        Ok(())
    }

    async fn make(&mut self) -> Result<(), StoreError> {
        if let Some(lock) = &mut self.lock {
            lock.must_change(|head| head.may_be_published = true).await?;
        }
        let name = self.name();
        match self.upload.clone() {
            None => self.bucket.put(&name, self.part.take().await?).await?,
            Some(upload) => {
                // They were sent, so their place is free for others.
                drop(self.part.take().await?);
                let parts = std::mem::take(&mut self.parts).into_iter().chain(self.last.take());
                let completed = self.bucket.complete(&name, &upload, parts.collect());
                Self::meanwhile(&mut self.lock, completed).await?;
                self.upload = None;
            }
        }
        self.part.clean().await;
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
        self.part.unpark().await?;
        self.add(bytes).await?;
        self.part.park();
        self.state = State::Writing;
        Ok(())
    }

    async fn sync(&mut self) -> Result<WrittenBlob, StoreError> {
        if std::mem::replace(&mut self.state, State::Failed) == State::Failed {
            return Err(StoreError::after_error());
        }
        self.part.unpark().await?;
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
