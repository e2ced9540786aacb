//! The part of an upload that is to be sent next.

use super::{
    bucket::{Bucket, PART},
    buffer::Buffer,
    head::{self, Piece, name_of_piece as object},
    room::Room,
};
use bytes::Bytes;
use skep_application::kernel::{IdGenerator, StoreError};
use skep_domain::files::FileId;
use std::sync::Arc;
use uuid::Uuid;

/// Bytes that wait in memory, and those before them for which there was no room. These are pieces that no head names,
/// and only this writer knows them.
pub(super) struct Part {
    bucket: Arc<Bucket>,
    id: FileId,
    ids: Arc<dyn IdGenerator>,
    waiting: Buffer,
    pieces: Vec<Piece>,
    /// Pieces whose bytes are in memory again, or were sent as a part.
    strays: Vec<Uuid>,
}

impl Part {
    pub(super) fn new(bucket: Arc<Bucket>, id: FileId, room: &Arc<Room>, ids: Arc<dyn IdGenerator>) -> Self {
        Self { bucket, id, ids, waiting: Buffer::new(room), pieces: vec![], strays: vec![] }
    }

    /// The number of bytes that are not in memory.
    fn stored(&self) -> usize {
        self.pieces.iter().map(|piece| length(*piece)).sum()
    }

    pub(super) fn len(&self) -> usize {
        self.stored() + self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.waiting.is_empty()
    }

    /// Lets others have the place while the part waits for its client. Nothing else is done with it until it was unparked.
    pub(super) fn park(&mut self) {
        self.waiting.park(&self.bucket, self.id, self.ids.next());
    }

    pub(super) async fn unpark(&mut self) -> Result<(), StoreError> {
        self.pieces.extend(self.waiting.unpark().await?);
        Ok(())
    }

    /// Adds some of the bytes at the end, and returns how many: 0 only if the part has all.
    pub(super) async fn add(&mut self, bytes: &[u8]) -> Result<usize, StoreError> {
        if self.waiting.free() == 0 && !self.waiting.grow() {
            self.store().await?;
        }
        let fitting = bytes.len().min(self.waiting.free()).min(PART - self.len());
        self.waiting.push(&bytes[..fitting]);
        Ok(fitting)
    }

    /// Stores the bytes that wait as a piece, and gives their place back.
    async fn store(&mut self) -> Result<(), StoreError> {
        let piece = Piece { name: self.ids.next(), length: self.waiting.len() as u64 };
        // Before it is sent, because the server may store it although its answer never arrives.
        self.pieces.push(piece);
        self.bucket.put(&object(self.id, piece.name), self.waiting.take()).await
    }

    /// Waits for a place if so many bytes, which come from the server, need one.
    pub(super) async fn widen(&mut self, length: usize) -> Result<(), StoreError> {
        self.waiting.widen(length.min(PART)).await
    }

    /// Brings all bytes into memory.
    async fn gather(&mut self) -> Result<(), StoreError> {
        if self.pieces.is_empty() {
            return Ok(());
        }
        let stored = self.stored();
        self.waiting.widen(stored + self.waiting.len()).await?;
        let mut rest = self.waiting.begin_with(stored);
        for piece in &self.pieces {
            let (front, behind) = rest.split_at_mut(length(*piece));
            if !self.bucket.fill(&object(self.id, piece.name), 0, front).await? {
                return Err(StoreError::Unavailable("the content was deleted while it was written".into()));
            }
            rest = behind;
        }
        self.strays.extend(self.pieces.drain(..).map(|piece| piece.name));
        Ok(())
    }

    /// All bytes, which also stay here.
    pub(super) async fn share(&mut self) -> Result<Bytes, StoreError> {
        self.gather().await?;
        Ok(self.waiting.share())
    }

    /// All bytes. The part is empty then.
    pub(super) async fn take(&mut self) -> Result<Bytes, StoreError> {
        self.gather().await?;
        Ok(self.waiting.take())
    }

    /// Removes the pieces that are no longer needed. What stays is tried again.
    pub(super) async fn clean(&mut self) {
        if head::remove(&self.bucket, self.id, self.strays.clone()).await.is_ok() {
            self.strays.clear();
        }
    }
}

/// A piece has fewer bytes than a part.
fn length(piece: Piece) -> usize {
    usize::try_from(piece.length).unwrap_or(PART)
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut names = std::mem::take(&mut self.strays);
        names.extend(self.pieces.drain(..).map(|piece| piece.name));
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !names.is_empty() {
            let (bucket, id) = (Arc::clone(&self.bucket), self.id);
            // What cannot be removed now is removed with the content.
            runtime.spawn(async move { head::remove(&bucket, id, names).await });
        }
    }
}
