//! What is stored beside a content that is not complete.
//!
//! Each change replaces the object only if it is as the writer has left it, so of two writers one fails. No clock
//! matters for that: the time only decides when another writer may try to take over.

use super::bucket::Bucket;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use skep_application::kernel::StoreError;
use skep_domain::files::FileId;
use uuid::Uuid;

/// The end of the name of the object.
const HEAD: &str = ".head";
/// What stands between the id and the name of a piece.
const PIECE: &str = ".piece.";
/// The most pieces that are removed at the same time.
const AT_ONCE: usize = 8;
/// The most attempts to take a content away from a writer that changes it at the same time.
const SEIZURES: usize = 8;

/// A writer: one lock of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) process: Uuid,
    pub(super) lock: Uuid,
}

/// An object with bytes of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) name: Uuid,
    /// The number of its first bytes that count.
    pub(super) length: u64,
}

/// What is stored beside a content that is not complete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) holder: Option<Holder>,
    /// Counts the changes, so that no two states are equal.
    pub(super) turn: u64,
    /// What has arrived; `None` if the content was written at once.
    pub(super) pieces: Option<Vec<Piece>>,
    /// The upload in parts that is to become the published content.
    pub(super) upload: Option<String>,
    /// Whether the content may be published.
    pub(super) may_be_published: bool,
}

/// The name of the object beside a content.
pub(super) fn name_of(id: FileId) -> String {
    format!("{id}{HEAD}")
}

/// The name of an object with bytes of a content.
pub(super) fn name_of_piece(id: FileId, piece: Uuid) -> String {
    format!("{id}{PIECE}{piece}")
}

/// Removes pieces that the head does not name.
pub(super) async fn remove(bucket: &Bucket, id: FileId, pieces: Vec<Uuid>) -> Result<(), StoreError> {
    let names: Vec<_> = pieces.into_iter().map(|piece| name_of_piece(id, piece)).collect();
    let deleted = stream::iter(names).map(|name| async move { bucket.delete(&name).await });
    deleted.buffer_unordered(AT_ONCE).try_collect().await
}

/// Removes all pieces but these. Only the writer that has the content may do so.
pub(super) async fn keep_only(bucket: &Bucket, id: FileId, pieces: &[Piece]) -> Result<(), StoreError> {
    let beginning = format!("{id}{PIECE}");
    let found = bucket.all_of(id).await?;
    let names = found.iter().filter_map(|found| found.name.strip_prefix(&beginning)?.parse::<Uuid>().ok());
    let left = names.filter(|name| !pieces.iter().any(|piece| piece.name == *name));
    remove(bucket, id, left.collect()).await
}

pub(super) struct Known {
    pub(super) head: Head,
    pub(super) etag: String,
}

pub(super) async fn read(bucket: &Bucket, id: FileId) -> Result<Option<Known>, StoreError> {
    let Some(found) = bucket.read(&name_of(id)).await? else { return Ok(None) };
    let head = serde_json::from_slice(&found.bytes);
    let head = head.map_err(|error| StoreError::corrupt("files", id, &format!("its head is damaged: {error}")))?;
    Ok(Some(Known { head, etag: found.etag }))
}

/// Stores the head if the present one has this entity tag. Returns the new entity tag; `None` if it is another one.
pub(super) async fn replace(
    bucket: &Bucket,
    id: FileId,
    head: &Head,
    etag: Option<&str>,
) -> Result<Option<String>, StoreError> {
    let bytes = serde_json::to_vec(head).map_err(|error| StoreError::Corrupt(error.into()))?;
    if let Some(etag) = bucket.put_if(&name_of(id), bytes, etag).await? {
        return Ok(Some(etag));
    }
    // The answer to an earlier attempt of this request may have been lost.
    let known = read(bucket, id).await?;
    Ok(known.filter(|known| known.head == *head).map(|known| known.etag))
}

/// Takes the content away from its writer, so that none of its changes succeeds any more. Returns what is stored now.
async fn seize(bucket: &Bucket, id: FileId) -> Result<Option<Known>, StoreError> {
    for _ in 0..SEIZURES {
        let Some(Known { mut head, etag, .. }) = read(bucket, id).await? else { return Ok(None) };
        head.holder = None;
        head.turn += 1;
        if let Some(etag) = replace(bucket, id, &head, Some(&etag)).await? {
            return Ok(Some(Known { head, etag }));
        }
    }
    Err(changed_all_the_time())
}

fn changed_all_the_time() -> StoreError {
    StoreError::Unavailable("the content is changed all the time".into())
}

/// Deletes the head. Its writer can neither go on nor publish the content.
pub(super) async fn delete(bucket: &Bucket, id: FileId) -> Result<(), StoreError> {
    for _ in 0..SEIZURES {
        let Some(Known { head, etag }) = seize(bucket, id).await? else { return Ok(()) };
        if let Some(upload) = &head.upload {
            bucket.abort(&id.to_string(), upload).await?;
        }
        if bucket.delete_if(&name_of(id), &etag).await? {
            return Ok(());
        }
    }
    Err(changed_all_the_time())
}

/// Notes an upload in parts of a content that is written at once, so that it is found after a crash. What was left of an
/// earlier one is given up. Returns the entity tag of the note.
pub(super) async fn note(bucket: &Bucket, id: FileId, upload: &str) -> Result<String, StoreError> {
    let head = Head { upload: Some(upload.to_owned()), ..Head::default() };
    for _ in 0..SEIZURES {
        if let Some(etag) = replace(bucket, id, &head, None).await? {
            return Ok(etag);
        }
        delete(bucket, id).await?;
    }
    Err(changed_all_the_time())
}

/// Removes the note of an upload in parts that has ended, unless another writer has replaced it.
pub(super) async fn forget(bucket: &Bucket, id: FileId, etag: &str) -> Result<(), StoreError> {
    match read(bucket, id).await? {
        Some(known) if known.etag == etag => bucket.delete_if(&name_of(id), etag).await.map(drop),
        _ => Ok(()),
    }
}
