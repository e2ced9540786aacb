//! Contents in memory, for tests and for programs that keep nothing.

use crate::verified::Verified;
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use skep_application::{
    files::{
        AssembledBlob, BlobReader, BlobStore, KeptBlob, LockedBlob, PartialBlob, SNIFFED_BYTES, StagedBlob, WrittenBlob,
    },
    kernel::{Clock, StoreError},
};
use skep_domain::{
    files::{Checksum, FileId},
    shared::Timestamp,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::{Bound, Range},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// The greatest number of bytes of a piece.
pub(crate) const PIECE: usize = 64 << 10;

/// The contents by the ids of their files.
#[derive(Default)]
struct Contents {
    /// With the times at which they were published.
    published: BTreeMap<Uuid, (Arc<Vec<u8>>, Timestamp)>,
    partial: BTreeMap<Uuid, Partial>,
    /// The contents that a writer has. They need not exist yet.
    locked: BTreeSet<Uuid>,
    mark: Option<String>,
}

/// A content that arrives in pieces.
struct Partial {
    bytes: Vec<u8>,
    written_at: Timestamp,
}

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
    /// The hold on a content that has arrived in pieces.
    held: Option<Held>,
}

/// The right of one writer to a content, until it is dropped.
struct Held {
    blobs: MemoryBlobs,
    id: FileId,
}

impl Held {
    /// Works with the content, unless it was deleted meanwhile.
    fn with<T>(&self, work: impl FnOnce(&mut Partial) -> T) -> Option<T> {
        self.blobs.contents().partial.get_mut(&self.id.uuid()).map(work)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.blobs.contents().locked.remove(&self.id.uuid());
    }
}

struct MemoryPartial {
    held: Held,
    /// The bytes that are not kept yet.
    waiting: Vec<u8>,
}

struct MemoryReader {
    bytes: Arc<Vec<u8>>,
    left: Range<usize>,
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn stage(&self, id: FileId) -> Result<Box<dyn StagedBlob>, StoreError> {
        Ok(Box::new(MemoryStaged { blobs: self.clone(), id, bytes: vec![], held: None }))
    }

    async fn lock(&self, id: FileId) -> Result<Option<Box<dyn LockedBlob>>, StoreError> {
        let is_free = self.contents().locked.insert(id.uuid());
        Ok(is_free.then(|| Box::new(Held { blobs: self.clone(), id }) as Box<dyn LockedBlob>))
    }

    async fn open(&self, id: FileId, range: Option<Range<u64>>) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        let Some((bytes, _)) = self.contents().published.get(&id.uuid()).cloned() else { return Ok(None) };
        let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        let left = range.map_or(0..bytes.len(), |range| within(range.start)..within(range.end));
        Ok(Some(Box::new(MemoryReader { bytes, left })))
    }

    async fn open_whole(&self, id: FileId, expected: WrittenBlob) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        let opened = self.open(id, None).await?;
        Ok(opened.map(|pieces| Box::new(Verified::new(id, pieces, expected)) as Box<dyn BlobReader>))
    }

    async fn delete(&self, id: FileId) -> Result<(), StoreError> {
        let mut contents = self.contents();
        contents.published.remove(&id.uuid());
        contents.partial.remove(&id.uuid());
        Ok(())
    }

    async fn list(&self, after: Option<FileId>, limit: u32) -> Result<Vec<KeptBlob>, StoreError> {
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.uuid()));
        let contents = self.contents();
        let partial = contents.partial.range((start, Bound::Unbounded)).map(|(id, partial)| (*id, partial.written_at));
        let published = contents.published.range((start, Bound::Unbounded)).map(|(id, (_, written))| (*id, *written));
        let kept: BTreeMap<Uuid, Timestamp> = partial.chain(published).collect();
        let kept = kept.into_iter().take(limit as usize);
        Ok(kept.map(|(id, written_at)| KeptBlob { id: FileId::new(id), written_at }).collect())
    }

    async fn claim(&self, mark: &str) -> Result<String, StoreError> {
        Ok(self.contents().mark.get_or_insert_with(|| mark.to_owned()).clone())
    }

    async fn owner(&self) -> Result<Option<String>, StoreError> {
        Ok(self.contents().mark.clone())
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
        if self.held.as_ref().is_some_and(|held| held.with(|_| ()).is_none()) {
            return Err(gone());
        }
        let now = self.blobs.clock.now();
        let mut contents = self.blobs.contents();
        contents.partial.remove(&self.id.uuid());
        contents.published.insert(self.id.uuid(), (Arc::new(self.bytes), now));
        Ok(())
    }
}

/// The error of a writer whose content was deleted.
fn gone() -> StoreError {
    StoreError::Unavailable("the content was deleted".into())
}

#[async_trait]
impl LockedBlob for Held {
    fn is_exclusive(&self) -> bool {
        true
    }

    async fn resume(self: Box<Self>, offset: u64) -> Result<Option<Box<dyn PartialBlob>>, StoreError> {
        let (id, now) = (self.id, self.blobs.clock.now());
        let mut contents = self.blobs.contents();
        let partial = contents.partial.get(&id.uuid()).map(|partial| partial.bytes.len());
        let known = partial.or(contents.published.get(&id.uuid()).map(|(bytes, _)| bytes.len())).unwrap_or_default();
        let offset = usize::try_from(offset).ok().filter(|offset| *offset <= known);
        let offset = offset.ok_or_else(|| StoreError::corrupt("files", id, "bytes of an upload are missing"))?;
        let begun = match contents.published.remove(&id.uuid()) {
            Some((bytes, written_at)) => Partial { bytes: bytes.to_vec(), written_at },
            None => Partial { bytes: vec![], written_at: now },
        };
        contents.partial.entry(id.uuid()).or_insert(begun).bytes.truncate(offset);
        drop(contents);
        Ok(Some(Box::new(MemoryPartial { held: *self, waiting: vec![] })))
    }
}

#[async_trait]
impl PartialBlob for MemoryPartial {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.waiting.extend_from_slice(bytes);
        Ok(())
    }

    async fn sync(&mut self) -> Result<u64, StoreError> {
        let (now, waiting) = (self.held.blobs.clock.now(), std::mem::take(&mut self.waiting));
        let synced = self.held.with(|partial| {
            partial.bytes.extend(waiting);
            partial.written_at = now;
            partial.bytes.len() as u64
        });
        synced.ok_or_else(gone)
    }

    async fn assemble(mut self: Box<Self>) -> Result<AssembledBlob, StoreError> {
        self.sync().await?;
        let Self { held, .. } = *self;
        let bytes = held.with(|partial| partial.bytes.clone()).ok_or_else(gone)?;
        let beginning = bytes[..bytes.len().min(SNIFFED_BYTES)].to_vec();
        let (blobs, id) = (held.blobs.clone(), held.id);
        Ok(AssembledBlob { beginning, staged: Box::new(MemoryStaged { blobs, id, bytes, held: Some(held) }) })
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
