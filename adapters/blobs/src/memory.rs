//! Contents in memory, for tests and for programs that keep nothing.

use crate::verified::Verified;
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use skep_application::{
    files::{BlobReader, BlobStore, KeptBlob, StagedBlob, WrittenBlob},
    kernel::{Clock, StoreError},
};
use skep_domain::{
    files::{Checksum, FileId},
    shared::Timestamp,
};
use std::{
    collections::BTreeMap,
    fmt,
    ops::{Bound, Range},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// The greatest number of bytes of a piece.
pub(crate) const PIECE: usize = 64 << 10;

/// The contents by the ids of their files, with the times at which they were published.
type Contents = BTreeMap<Uuid, (Arc<Vec<u8>>, Timestamp)>;

/// Keeps contents in memory. Clones share them.
#[derive(Clone)]
pub struct MemoryBlobs {
    contents: Arc<Mutex<Contents>>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for MemoryBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBlobs").finish_non_exhaustive()
    }
}

impl MemoryBlobs {
    /// Keeps nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { contents: Arc::default(), clock }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct MemoryStaged {
    blobs: MemoryBlobs,
    id: FileId,
    bytes: Vec<u8>,
}

struct MemoryReader {
    bytes: Arc<Vec<u8>>,
    left: Range<usize>,
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn stage(&self, id: FileId) -> Result<Box<dyn StagedBlob>, StoreError> {
        Ok(Box::new(MemoryStaged { blobs: self.clone(), id, bytes: vec![] }))
    }

    async fn open(&self, id: FileId, range: Option<Range<u64>>) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        let Some((bytes, _)) = self.contents().get(&id.uuid()).cloned() else { return Ok(None) };
        let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        let left = range.map_or(0..bytes.len(), |range| within(range.start)..within(range.end));
        Ok(Some(Box::new(MemoryReader { bytes, left })))
    }

    async fn open_whole(&self, id: FileId, expected: WrittenBlob) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        let opened = self.open(id, None).await?;
        Ok(opened.map(|pieces| Box::new(Verified::new(id, pieces, expected)) as Box<dyn BlobReader>))
    }

    async fn delete(&self, id: FileId) -> Result<(), StoreError> {
        self.contents().remove(&id.uuid());
        Ok(())
    }

    async fn list(&self, after: Option<FileId>, limit: u32) -> Result<Vec<KeptBlob>, StoreError> {
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.uuid()));
        let contents = self.contents();
        let kept = contents.range((start, Bound::Unbounded)).take(limit as usize);
        Ok(kept.map(|(id, (_, written_at))| KeptBlob { id: FileId::new(*id), written_at: *written_at }).collect())
    }
}

#[async_trait]
impl StagedBlob for MemoryStaged {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    async fn sync(&mut self) -> Result<WrittenBlob, StoreError> {
        let checksum = Checksum::new(Sha256::digest(&self.bytes).into());
        Ok(WrittenBlob { size: self.bytes.len() as u64, checksum })
    }

    async fn publish(self: Box<Self>) -> Result<(), StoreError> {
        let now = self.blobs.clock.now();
        self.blobs.contents().insert(self.id.uuid(), (Arc::new(self.bytes), now));
        Ok(())
    }
}

#[async_trait]
impl BlobReader for MemoryReader {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let end = self.left.end.min(self.left.start.saturating_add(PIECE));
        let piece = self.bytes[self.left.start.min(end)..end].to_vec();
        self.left.start = end;
        Ok((!piece.is_empty()).then_some(piece))
    }
}
