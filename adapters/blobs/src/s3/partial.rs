//! A content that arrives in pieces. Each piece is an object, and the head lists them.

use super::{
    bucket::{Bucket, PART},
    head::{Lock, Piece},
    staged::S3Staged,
};
use async_trait::async_trait;
use skep_application::{
    files::{AssembledBlob, LockedBlob, PartialBlob, SNIFFED_BYTES, StagedBlob as _},
    kernel::{IdGenerator, StoreError},
};
use skep_domain::files::FileId;
use std::sync::Arc;
use uuid::Uuid;

/// From so many pieces on, a short one is written again with what follows it. So the head stays small, however short the
/// pieces are.
const FEW: usize = 64;

pub(super) struct S3Locked {
    pub(super) lock: Lock,
    pub(super) ids: Arc<dyn IdGenerator>,
}

pub(super) struct S3Partial {
    lock: Lock,
    ids: Arc<dyn IdGenerator>,
    /// Those of the head, and those that are not in it yet.
    pieces: Vec<Piece>,
    waiting: Vec<u8>,
    has_failed: bool,
}

fn object(id: FileId, piece: Uuid) -> String {
    format!("{id}.piece.{piece}")
}

/// The pieces that have the first `offset` bytes. `None` if there are fewer.
fn cut(pieces: &[Piece], offset: u64) -> Option<Vec<Piece>> {
    let (mut kept, mut missing) = (vec![], offset);
    for piece in pieces {
        let length = piece.length.min(missing);
        missing -= length;
        if length > 0 {
            kept.push(Piece { length, ..*piece });
        }
    }
    (missing == 0).then_some(kept)
}

impl S3Locked {
    /// The pieces of what is stored, up to `offset`. A content that was published becomes a piece.
    async fn kept(&self, offset: u64) -> Result<Option<Vec<Piece>>, StoreError> {
        let (bucket, id) = (&self.lock.bucket, self.lock.id);
        if let Some(pieces) = &self.lock.head.pieces {
            return Ok(cut(pieces, offset));
        }
        if offset == 0 {
            return Ok(Some(vec![]));
        }
        if bucket.size(&id.to_string()).await?.is_none_or(|size| size < offset) {
            return Ok(None);
        }
        let piece = Piece { name: self.ids.next(), length: offset };
        bucket.copy(&id.to_string(), &object(id, piece.name)).await?;
        Ok(Some(vec![piece]))
    }
}

#[async_trait]
impl LockedBlob for S3Locked {
    fn is_exclusive(&self) -> bool {
        self.lock.is_stored()
    }

    async fn resume(self: Box<Self>, offset: u64) -> Result<Option<Box<dyn PartialBlob>>, StoreError> {
        let id = self.lock.id;
        // The writer before may be late, and publish its content.
        if let Some(upload) = &self.lock.head.upload {
            self.lock.bucket.abort(&id.to_string(), upload).await?;
        }
        let Some(pieces) = self.kept(offset).await? else {
            return Err(StoreError::corrupt("files", id, "bytes of an upload are missing"));
        };
        let Self { mut lock, ids } = *self;
        let may_be_published = lock.is_stored() && (lock.head.pieces.is_none() || lock.head.may_be_published);
        let stored = pieces.clone();
        let change = lock.change(move |head| {
            (head.pieces, head.upload, head.may_be_published) = (Some(stored), None, may_be_published);
        });
        if !change.await? {
            return Ok(None);
        }
        if may_be_published {
            lock.bucket.delete(&id.to_string()).await?;
            lock.head.may_be_published = false;
        }
        Ok(Some(Box::new(S3Partial { lock, ids, pieces, waiting: vec![], has_failed: false })))
    }
}

impl S3Partial {
    fn bucket(&self) -> &Arc<Bucket> {
        &self.lock.bucket
    }

    /// Stores the bytes that wait as a piece.
    async fn store(&mut self) -> Result<(), StoreError> {
        let bytes = std::mem::take(&mut self.waiting);
        if bytes.is_empty() {
            return Ok(());
        }
        let piece = Piece { name: self.ids.next(), length: bytes.len() as u64 };
        self.bucket().put(&object(self.lock.id, piece.name), bytes).await?;
        self.pieces.push(piece);
        Ok(())
    }

    /// Puts a short last piece before the bytes that wait, if there are many pieces. Returns its name.
    async fn take_last(&mut self) -> Result<Option<Uuid>, StoreError> {
        let short = |piece: &&Piece| piece.length + self.waiting.len() as u64 <= PART as u64;
        let is_needed = self.pieces.len() >= FEW && !self.waiting.is_empty();
        let Some(last) = self.pieces.last().filter(short).copied().filter(|_| is_needed) else { return Ok(None) };
        let (mut bytes, bucket) = (vec![], Arc::clone(self.bucket()));
        let mut open = self.open(last).await?;
        while let Some(next) = bucket.next(&mut open).await? {
            bytes.extend_from_slice(&next);
        }
        if bytes.len() as u64 != last.length {
            return Err(self.missing());
        }
        bytes.append(&mut self.waiting);
        self.waiting = bytes;
        self.pieces.pop();
        Ok(Some(last.name))
    }

    async fn open(&self, piece: Piece) -> Result<super::bucket::Bytes, StoreError> {
        let name = object(self.lock.id, piece.name);
        let opened = self.bucket().get(&name, Some(0..piece.length)).await?;
        opened.ok_or_else(|| self.missing())
    }

    fn missing(&self) -> StoreError {
        StoreError::corrupt("files", self.lock.id, "a piece of an upload is missing")
    }

    async fn add(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        self.lock.renew().await?;
        while !bytes.is_empty() {
            let (fitting, rest) = bytes.split_at(bytes.len().min(PART - self.waiting.len()));
            self.waiting.extend_from_slice(fitting);
            bytes = rest;
            if self.waiting.len() == PART {
                self.store().await?;
            }
        }
        Ok(())
    }

    async fn keep(&mut self) -> Result<u64, StoreError> {
        let replaced = self.take_last().await?;
        self.store().await?;
        if self.lock.head.pieces.as_ref() != Some(&self.pieces) {
            let pieces = self.pieces.clone();
            self.lock.must_change(move |head| head.pieces = Some(pieces)).await?;
        }
        if let Some(replaced) = replaced {
            // What stays is removed with the content.
            let _ = self.bucket().delete(&object(self.lock.id, replaced)).await;
        }
        Ok(self.pieces.iter().map(|piece| piece.length).sum())
    }

    /// Marks the content as failed, until `done`.
    fn begin(&mut self) -> Result<(), StoreError> {
        match std::mem::replace(&mut self.has_failed, true) {
            true => Err(StoreError::after_error()),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl PartialBlob for S3Partial {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.begin()?;
        self.add(bytes).await?;
        self.has_failed = false;
        Ok(())
    }

    async fn sync(&mut self) -> Result<u64, StoreError> {
        self.begin()?;
        let size = self.keep().await?;
        self.has_failed = false;
        Ok(size)
    }

    async fn assemble(mut self: Box<Self>) -> Result<AssembledBlob, StoreError> {
        self.begin()?;
        self.keep().await?;
        let mut opened = vec![];
        // The first one is opened at once, and each other one when it is needed.
        for piece in &self.pieces {
            opened.push((object(self.lock.id, piece.name), piece.length));
        }
        let (bucket, id, missing) = (Arc::clone(self.bucket()), self.lock.id, self.missing());
        let Self { lock, .. } = *self;
        let (mut staged, mut beginning) = (S3Staged::new(Arc::clone(&bucket), id, Some(lock)), vec![]);
        for (name, length) in opened {
            let Some(mut bytes) = bucket.get(&name, Some(0..length)).await? else { return Err(missing) };
            let mut read = 0;
            while let Some(next) = bucket.next(&mut bytes).await? {
                let wanted = (SNIFFED_BYTES - beginning.len()).min(next.len());
                beginning.extend_from_slice(&next[..wanted]);
                staged.write(&next).await?;
                read += next.len() as u64;
            }
            if read != length {
                return Err(missing);
            }
        }
        staged.sync().await?;
        Ok(AssembledBlob { beginning, staged: Box::new(staged) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_cut_off_at_each_offset() {
        let piece = |name, length| Piece { name: Uuid::from_u128(name), length };
        let pieces = [piece(1, 3), piece(2, 4)];
        for (offset, kept) in [
            (0, Some(vec![])),
            (2, Some(vec![piece(1, 2)])),
            (3, Some(vec![piece(1, 3)])),
            (5, Some(vec![piece(1, 3), piece(2, 2)])),
            (7, Some(pieces.to_vec())),
            (8, None),
        ] {
            assert_eq!(cut(&pieces, offset), kept, "{offset}");
        }
    }
}
