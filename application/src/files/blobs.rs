//! The ports for contents: where they are kept, and what they are.

use crate::kernel::StoreError;
use async_trait::async_trait;
use skep_domain::{
    files::{Checksum, FileId, MediaType},
    shared::Timestamp,
};
use std::ops::Range;

/// The number of bytes at the beginning of a content from which its media type is judged.
pub const SNIFFED_BYTES: usize = 8 << 10;

/// A content that is stored, complete or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptBlob {
    /// The file that it belongs to.
    pub id: FileId,
    /// The time of the last write, by the clock of the store.
    pub written_at: Timestamp,
}

/// The size and the checksum of a content that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenBlob {
    /// The number of bytes.
    pub size: u64,
    /// Their SHA-256.
    pub checksum: Checksum,
}

/// Keeps the contents of files. A content is written once, and then never changes.
///
/// 1. A content is read back byte for byte after `publish`, also by a store that is opened again. Before, `open` does not
///    find it.
/// 2. `sync` returns the size and the SHA-256 of everything that was written.
/// 3. A range is read back as exactly these bytes. A range beyond the end has the bytes that exist.
/// 4. A content that is dropped before it was published leaves nothing, and so does one that fails.
/// 5. `delete` removes a content, also one that was not published, and succeeds if the content does not
///    exist. A reader that was opened before may fail then.
/// 6. Calls of `list`, each after the last content of the one before, return every content that exists meanwhile, once,
///    in an order of the store's own. A content that was left unpublished by a crash is listed as well.
/// 7. `stage` of an id that was left unpublished begins from nothing. A published content stays as it is until another
///    one with its id is published.
/// 8. A reader of `open_whole` returns a content that has the expected size and checksum. For any other content, `read`
///    fails with `Corrupt` before it has returned the last piece, and never returns `None`.
/// 9. A content that arrives in pieces keeps what was synced, also if its writer is dropped and the store is opened again.
///    `resume` drops everything beyond its offset, and the next bytes follow exactly there. It is the same content as one
///    that was written at once.
/// 10. One writer at a time has a content that arrives in pieces: `lock`, or else `resume`, returns `None` to any other one,
///     also in another process. It ends with its process. The lock of a content that exists is exclusive. A lock alone changes nothing: a published content stays one, and a missing one stays missing.
/// 11. A content that was assembled and published can be resumed, and then `open` no longer finds it. `delete` and `list`
///     treat a content that arrives in pieces as any other one.
/// 12. `claim` returns the mark of the first call, also in another process and after the store was opened again, and `owner`
///     returns it from then on. `list` has no mark.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Begins to write a content.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    async fn stage(&self, id: FileId) -> Result<Box<dyn StagedBlob>, StoreError>;

    /// Keeps other writers from a content that arrives in pieces. Returns `None` while one of them has it.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn lock(&self, id: FileId) -> Result<Option<Box<dyn LockedBlob>>, StoreError>;

    /// Opens a published content, or a range of its bytes.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn open(&self, id: FileId, range: Option<Range<u64>>) -> Result<Option<Box<dyn BlobReader>>, StoreError>;

    /// Opens a published content as a whole, and compares it with what was once written.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn open_whole(&self, id: FileId, expected: WrittenBlob) -> Result<Option<Box<dyn BlobReader>>, StoreError>;

    /// Deletes a content, if there is one.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn delete(&self, id: FileId) -> Result<(), StoreError>;

    /// Lists at most `limit` contents: the first ones, or those that follow `after`.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn list(&self, after: Option<FileId>, limit: u32) -> Result<Vec<KeptBlob>, StoreError>;

    /// Marks the contents as those of a store of rows. They keep the first mark that they are given, a short line of text,
    /// and every caller gets it. So contents without a row differ from those of another store of rows.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    async fn claim(&self, mark: &str) -> Result<String, StoreError>;

    /// The mark that the contents have.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn owner(&self) -> Result<Option<String>, StoreError>;
}

/// A content that is being written.
#[async_trait]
pub trait StagedBlob: Send {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// `Full`, `Unavailable`. The content cannot be published after that.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// Makes what was written durable, and describes it.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    async fn sync(&mut self) -> Result<WrittenBlob, StoreError>;

    /// Makes the content readable under its id, durably and at once. Call [`StagedBlob::sync`] before.
    ///
    /// # Errors
    /// `Full`, `Unavailable`. The content may be published in spite of it.
    async fn publish(self: Box<Self>) -> Result<(), StoreError>;
}

/// A content that other writers are kept from, until it is dropped. It is as it was before.
#[async_trait]
pub trait LockedBlob: Send {
    /// Whether no other writer can have the content, in any process. It is not so for a content that does not exist yet,
    /// because another writer may begin it.
    fn is_exclusive(&self) -> bool;

    /// Goes on with the content after its first `offset` bytes. At 0 it begins from nothing. Returns `None` if the content
    /// did not exist when it was locked, and another writer has begun it meanwhile.
    ///
    /// # Errors
    /// `Full`, `Unavailable`. `Corrupt` if fewer bytes are kept than `offset`.
    async fn resume(self: Box<Self>, offset: u64) -> Result<Option<Box<dyn PartialBlob>>, StoreError>;
}

/// A content that arrives in pieces. What was synced stays when it is dropped.
#[async_trait]
pub trait PartialBlob: Send {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// `Full`, `Unavailable`. Nothing can be added after that.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// Makes what was written durable, and returns the number of bytes from the beginning of the content.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    async fn sync(&mut self) -> Result<u64, StoreError>;

    /// Makes what was written durable, and reads the whole content once. The result is published as any other content; if
    /// it is dropped instead, the content stays as it is.
    ///
    /// # Errors
    /// `Full`, `Unavailable`.
    async fn assemble(self: Box<Self>) -> Result<AssembledBlob, StoreError>;
}

/// A content whose pieces are all there.
pub struct AssembledBlob {
    /// The first bytes, at most [`SNIFFED_BYTES`].
    pub beginning: Vec<u8>,
    /// The content, which is not published yet.
    pub staged: Box<dyn StagedBlob>,
}

/// Reads a content from its beginning to its end.
#[async_trait]
pub trait BlobReader: Send + Sync {
    /// The next bytes, at most 64 KiB. `None` at the end.
    ///
    /// # Errors
    /// `Unavailable`. `Corrupt` if the content differs from the expected one.
    async fn read(&mut self) -> Result<Option<Vec<u8>>, StoreError>;
}

/// Judges what a content is.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait ContentTypes: Send + Sync {
    /// The media type of a content that begins with these bytes: all of them, or the first [`SNIFFED_BYTES`]. A content
    /// that is not known is `text/plain` if it is text in UTF-8, and otherwise `application/octet-stream`.
    fn media_type(&self, beginning: &[u8]) -> MediaType;
}
