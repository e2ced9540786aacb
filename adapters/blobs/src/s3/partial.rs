//! A content that arrives in pieces. Each piece is an object, and the head lists them.

use super::{
    bucket::{Bucket, PART},
    buffer::extend,
    head::{self, Piece, name_of_piece as object},
    lock::Lock,
    staged::S3Staged,
};
use async_trait::async_trait;
use skep_application::{
    files::{AssembledBlob, LockedBlob, PartialBlob, SNIFFED_BYTES, StagedBlob as _},
    kernel::{IdGenerator, StoreError},
};
use std::sync::Arc;

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
    async fn kept(&mut self, offset: u64) -> Result<Option<Vec<Piece>>, StoreError> {
        let (bucket, id) = (Arc::clone(&self.lock.bucket), self.lock.id);
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
        self.lock.strays.push(piece.name);
        bucket.copy(&id.to_string(), &object(id, piece.name)).await?;
        Ok(Some(vec![piece]))
    }
}

#[async_trait]
impl LockedBlob for S3Locked {
    fn is_exclusive(&self) -> bool {
        self.lock.is_stored()
    }

    async fn resume(mut self: Box<Self>, offset: u64) -> Result<Option<Box<dyn PartialBlob>>, StoreError> {
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
        lock.is_resumed = true;
        // Also those that a writer before has stored and not named.
        head::keep_only(&lock.bucket, id, &pieces).await?;
        lock.strays.clear();
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
        // Before it is sent, because the server may store it although its answer never arrives.
        self.lock.strays.push(piece.name);
        self.bucket().put(&object(self.lock.id, piece.name), bytes).await?;
        self.pieces.push(piece);
        Ok(())
    }

    /// How many bytes may wait until the last piece is joined with them, or until they are a piece.
    fn room(&self) -> usize {
        // So a piece is at most half as long as a short one before it, or they are too long for one piece: there are few
        // short ones. What is joined grows by a half or becomes a whole piece, so each byte is written again only a few times.
        match self.pieces.last().and_then(|last| usize::try_from(last.length).ok()) {
            Some(last) if last < PART && last + self.waiting.len() <= PART => (last / 2 + 1).min(PART - last),
            _ => PART,
        }
    }

    /// Puts the last piece before the bytes that wait.
    async fn take_last(&mut self) -> Result<(), StoreError> {
        let Some(last) = self.pieces.last().copied() else { return Ok(()) };
        let (name, bucket, mut bytes) = (object(self.lock.id, last.name), Arc::clone(self.bucket()), vec![]);
        if let Some(mut open) = bucket.get(&name, Some(0..last.length)).await? {
            while let Some(next) = bucket.next(&mut open).await? {
                extend(&mut bytes, &next);
            }
        }
        if bytes.len() as u64 != last.length {
            return Err(self.lock.missing().await);
        }
        extend(&mut bytes, &self.waiting);
        self.waiting = bytes;
        self.pieces.pop();
        self.lock.strays.push(last.name);
        Ok(())
    }

    async fn add(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        self.lock.renew().await?;
        while !bytes.is_empty() {
            let (fitting, rest) = bytes.split_at(bytes.len().min(self.room().saturating_sub(self.waiting.len())));
            extend(&mut self.waiting, fitting);
            bytes = rest;
            while self.waiting.len() < PART && self.waiting.len() >= self.room() {
                self.take_last().await?;
            }
            if self.waiting.len() >= PART {
                self.store().await?;
            }
        }
        Ok(())
    }

    async fn keep(&mut self) -> Result<u64, StoreError> {
        self.store().await?;
        if self.lock.head.pieces.as_ref() != Some(&self.pieces) {
            let pieces = self.pieces.clone();
            self.lock.must_change(move |head| head.pieces = Some(pieces)).await?;
            self.lock.remove_strays().await;
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
        let Self { lock, pieces, .. } = *self;
        let (bucket, id) = (Arc::clone(&lock.bucket), lock.id);
        let (mut staged, mut beginning) = (S3Staged::new(Arc::clone(&bucket), id, Some(lock)), vec![]);
        for Piece { name, length } in pieces {
            let (opened, mut read) = (bucket.get(&object(id, name), Some(0..length)).await?, 0);
            if let Some(mut bytes) = opened {
                while let Some(next) = bucket.next(&mut bytes).await? {
                    let wanted = (SNIFFED_BYTES - beginning.len()).min(next.len());
                    beginning.extend_from_slice(&next[..wanted]);
                    staged.write(&next).await?;
                    read += next.len() as u64;
                }
            }
            if read != length {
                return Err(staged.missing().await);
            }
        }
        staged.sync().await?;
        Ok(AssembledBlob { beginning, staged: Box::new(staged) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

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
