//! A reader that compares what it reads with the checksum that was stored.

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use skep_application::{
    files::{BlobReader, WrittenBlob},
    kernel::StoreError,
};
use skep_domain::files::FileId;

/// Holds each piece back until the next one was read, and the last one until the whole content is known to be right.
pub(crate) struct Verified {
    id: FileId,
    pieces: Box<dyn BlobReader>,
    expected: WrittenBlob,
    hash: Sha256,
    size: u64,
    held: Option<Vec<u8>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// The content was right, and everything was returned.
    Ended,
    Failed,
}

impl Verified {
    pub(crate) fn new(id: FileId, pieces: Box<dyn BlobReader>, expected: WrittenBlob) -> Self {
        Self { id, pieces, expected, hash: Sha256::new(), size: 0, held: None, state: State::Reading }
    }

    /// Returns the piece before the one that it reads.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        while let Some(piece) = self.pieces.read().await? {
            self.size = self.size.saturating_add(piece.len() as u64);
            if self.size > self.expected.size {
                return Err(self.damaged());
            }
            self.hash.update(&piece);
            if let Some(before) = self.held.replace(piece) {
                return Ok(Some(before));
            }
        }
        let digest: [u8; 32] = std::mem::take(&mut self.hash).finalize().into();
        if self.size != self.expected.size || digest != *self.expected.checksum.bytes() {
            return Err(self.damaged());
        }
        self.state = State::Ended;
        Ok(self.held.take())
    }

    fn damaged(&self) -> StoreError {
        StoreError::corrupt("files", self.id, "the content differs from its checksum")
    }
}

#[async_trait]
impl BlobReader for Verified {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.state {
            State::Ended => return Ok(None),
            State::Failed => return Err(StoreError::after_error()),
            // A read that is cancelled may have lost a piece.
            State::Reading => self.state = State::Failed,
        }
        let read = self.next().await?;
        if self.state == State::Failed {
            self.state = State::Reading;
        }
        Ok(read)
    }
}
