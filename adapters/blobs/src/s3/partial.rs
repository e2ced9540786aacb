//! A content that arrives in pieces. Each piece is an object, and the head lists them.

use super::{
    bucket::{Bucket, PART},
    buffer::Buffer,
    head::{self, Piece, name_of_piece as object},
    lock::Lock,
    room::Room,
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
    pub(super) room: Arc<Room>,
    pub(super) ids: Arc<dyn IdGenerator>,
}

pub(super) struct S3Partial {
    lock: Lock,
    room: Arc<Room>,
    ids: Arc<dyn IdGenerator>,
    /// Those of the head, and those that are not in it yet.
    pieces: Vec<Piece>,
    waiting: Buffer,
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
        if offset > bucket.copied_at_once {
            return self.kept_in_parts(offset).await.map(Some);
        }
        let piece = Piece { name: self.ids.next(), length: offset };
        self.lock.strays.push(piece.name);
        let (from, to) = (id.to_string(), object(id, piece.name));
        self.lock.meanwhile(bucket.copy(&from, &to)).await?;
        Ok(Some(vec![piece]))
    }

    /// Pieces with the first bytes of a published content that is too large for a copy by the server.
    async fn kept_in_parts(&mut self, offset: u64) -> Result<Vec<Piece>, StoreError> {
        let (bucket, id) = (Arc::clone(&self.lock.bucket), self.lock.id);
        let (mut pieces, mut start, mut waiting) = (vec![], 0, Buffer::new(&self.room));
        while start < offset {
            let length = usize::try_from(offset - start).map_or(PART, |left| left.min(PART));
            self.lock.meanwhile(waiting.widen(length)).await?;
            if !bucket.fill(&id.to_string(), start, waiting.begin_with(length)).await? {
                return Err(self.lock.missing().await);
            }
            let piece = Piece { name: self.ids.next(), length: length as u64 };
            self.lock.strays.push(piece.name);
            let name = object(id, piece.name);
            self.lock.meanwhile(bucket.put(&name, waiting.take())).await?;
            pieces.push(piece);
            start += length as u64;
        }
        Ok(pieces)
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
        let Self { mut lock, room, ids } = *self;
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
        let waiting = Buffer::new(&room);
        Ok(Some(Box::new(S3Partial { lock, room, ids, pieces, waiting, has_failed: false })))
    }
}

impl S3Partial {
    fn bucket(&self) -> &Arc<Bucket> {
        &self.lock.bucket
    }

    /// Stores the bytes that wait as a piece, and gives their place back.
    async fn store(&mut self) -> Result<(), StoreError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let bytes = self.waiting.take();
        let piece = Piece { name: self.ids.next(), length: bytes.len() as u64 };
        // Before it is sent, because the server may store it although its answer never arrives.
        self.lock.strays.push(piece.name);
        let (bucket, name) = (Arc::clone(self.bucket()), object(self.lock.id, piece.name));
        self.lock.meanwhile(bucket.put(&name, bytes)).await?;
        self.pieces.push(piece);
        Ok(())
    }

    /// How many bytes may wait until the last piece is joined with them, or until they are a piece.
    fn joined_at(&self) -> usize {
        // So a piece is at most half as long as a short one before it, or they are too long for one piece: there are few
        // short ones. What is joined grows by a half or becomes a whole piece, so each byte is written again only a few times.
        match self.pieces.last().and_then(|last| usize::try_from(last.length).ok()) {
            Some(last) if last < PART && last + self.waiting.len() <= PART => (last / 2 + 1).min(PART - last),
            _ => PART,
        }
    }

    /// Puts the last piece, which is a short one, before the bytes that wait.
    async fn take_last(&mut self) -> Result<(), StoreError> {
        let Some(last) = self.pieces.last().copied() else { return Ok(()) };
        let (length, bucket) = (usize::try_from(last.length).unwrap_or(PART), Arc::clone(self.bucket()));
        self.lock.meanwhile(self.waiting.widen(length + self.waiting.len())).await?;
        let name = object(self.lock.id, last.name);
        if !bucket.fill(&name, 0, self.waiting.begin_with(length)).await? {
            return Err(self.lock.missing().await);
        }
        self.pieces.pop();
        self.lock.strays.push(last.name);
        Ok(())
    }

    /// Joins what is long enough, and stores what is a piece, or for which there is no room.
    async fn relieve(&mut self) -> Result<(), StoreError> {
        while self.waiting.len() < PART && self.waiting.len() >= self.joined_at() {
            self.take_last().await?;
        }
        let has_room = self.waiting.len() < PART && (self.waiting.free() > 0 || self.waiting.grow());
        if has_room && self.waiting.may_wait() { Ok(()) } else { self.store().await }
    }

    async fn add(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        self.lock.renew().await?;
        self.unpark().await?;
        while !bytes.is_empty() {
            let free = self.joined_at().saturating_sub(self.waiting.len()).min(self.waiting.free());
            let (fitting, rest) = bytes.split_at(bytes.len().min(free));
            self.waiting.push(fitting);
            bytes = rest;
            self.relieve().await?;
        }
        self.waiting.park(&self.lock.bucket, self.lock.id, self.ids.next());
        Ok(())
    }

    /// Takes what waits back from those who may have its place.
    async fn unpark(&mut self) -> Result<(), StoreError> {
        if let Some(piece) = self.lock.meanwhile(self.waiting.unpark()).await? {
            self.lock.strays.push(piece.name);
            self.pieces.push(piece);
        }
        Ok(())
    }

    async fn keep(&mut self) -> Result<u64, StoreError> {
        self.unpark().await?;
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
        let Self { lock, room, ids, pieces, .. } = *self;
        let (bucket, id) = (Arc::clone(&lock.bucket), lock.id);
        let mut left: u64 = pieces.iter().map(|piece| piece.length).sum();
        let mut staged = S3Staged::new((Arc::clone(&bucket), id), &room, ids, Some(lock));
        let mut beginning = vec![];
        for Piece { name, length } in pieces {
            let (name, mut read) = (object(id, name), 0);
            while read < length {
                // First, so that no answer of the server waits for a place.
                let end = length.min(read + staged.reserve(left).await?);
                if let Some(mut bytes) = bucket.get(&name, Some(read..end)).await? {
                    while let Some(next) = bucket.next(&mut bytes).await? {
                        let wanted = (SNIFFED_BYTES - beginning.len()).min(next.len());
                        beginning.extend_from_slice(&next[..wanted]);
                        staged.write(&next).await?;
                        (read, left) = (read + next.len() as u64, left.saturating_sub(next.len() as u64));
                    }
                }
                if read != end {
                    return Err(staged.missing().await);
                }
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
