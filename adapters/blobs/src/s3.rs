//! Contents in a bucket of S3, or of a server like it.
//!
//! A published content is the object `ID`. Beside it, `ID.head` says what there is of a content that is not complete, and
//! `ID.piece.…` are the pieces that have arrived.

mod bucket;
mod buffer;
mod condition;
mod failure;
mod head;
mod lock;
mod options;
mod parked;
mod part;
mod partial;
mod process;
mod reader;
mod room;
mod staged;

use crate::verified::Verified;
use async_trait::async_trait;
use bucket::{Bucket, Found};
use failure::Failure;
use lock::Lock;
pub use options::S3Options;
use partial::S3Locked;
use process::Process;
use reader::S3Reader;
use room::Room;
pub use room::S3Memory;
use skep_application::{
    files::{BlobReader, BlobStore, KeptBlob, LockedBlob, StagedBlob, WrittenBlob},
    kernel::{BoxError, Runtime, StoreError},
    operations::Defect,
};
use skep_domain::{files::FileId, shared::Timestamp};
use staged::S3Staged;
use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};
use uuid::Uuid;

/// What the names of the objects of checks begin with.
const CHECK: &str = "check.";
/// After so many milliseconds, no check still uses its object.
const CHECKS_LAST: i64 = 60 * 60 * 1_000;
/// What the object of a check has.
const CHECKED: &[u8] = b"skep";
/// The object with the mark of the store that the contents belong to.
const OWNER: &str = "owner";
/// The most characters of a mark.
const MARK: usize = 100;
/// How often a mark is tried to be read or written.
const CLAIMS: usize = 3;

/// The length of an id in the name of an object.
const ID: usize = 36;

/// Keeps contents in a bucket. Clones share the connections and the memory of uploads.
#[derive(Clone)]
pub struct S3Blobs {
    bucket: Arc<Bucket>,
    process: Arc<Process>,
    room: Arc<Room>,
    runtime: Runtime,
}

impl fmt::Debug for S3Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Blobs").finish_non_exhaustive()
    }
}

impl S3Blobs {
    /// Keeps contents in this bucket. Connects with the first request.
    ///
    /// # Errors
    /// The address is not a URL, or the certificates of the system cannot be read.
    pub fn new(options: &S3Options, runtime: Runtime) -> Result<Self, BoxError> {
        let bucket = Arc::new(Bucket::new(options)?);
        let room = Room::new(options.memory, Arc::clone(&runtime.clock));
        Ok(Self { bucket, process: Process::this(&*runtime.ids), room, runtime })
    }

    /// The memory that uploads hold.
    #[must_use]
    pub fn memory(&self) -> S3Memory {
        self.room.memory()
    }

    /// The same contents as another process has them. The locks of this one are not its own.
    #[must_use]
    pub fn as_another_process(&self) -> Self {
        Self { process: Process::new(&*self.runtime.ids), ..self.clone() }
    }

    /// Looks for reasons why the bucket cannot be used although the server answers. It does what the work with contents
    /// needs, with an object that it deletes again.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn inspect(&self) -> Result<Vec<Defect>, StoreError> {
        let name = format!("{CHECK}{}", self.runtime.ids.next());
        let tried = async {
            self.bucket.page("", None, None, 1).await?;
            let tried = match self.try_object(&name).await {
                Ok(heeds) => self.remove_old_checks(&name).await.map(|()| heeds),
                failed => failed,
            };
            // In any case, so that nothing is left.
            let deleted = self.bucket.delete(&name).await;
            tried.and_then(|heeds| deleted.map(|()| heeds))
        };
        match tried.await {
            Ok(true) => Ok(vec![]),
            Ok(false) => Ok(vec![Defect {
                text: "the server ignores the conditions of a write (If-None-Match, If-Match)".to_owned(),
                remedy: "use a server that heeds them: otherwise two requests can write into one upload".to_owned(),
                is_fatal: true,
            }]),
            Err(StoreError::Unavailable(cause)) => match cause.downcast::<Failure>() {
                Ok(refusal) if refusal.is_refusal => Ok(vec![Defect {
                    text: refusal.to_string(),
                    remedy: "check the bucket, the region, the key and its rights to list, read, write and delete"
                        .to_owned(),
                    is_fatal: true,
                }]),
                Ok(other) => Err(StoreError::Unavailable(other)),
                Err(other) => Err(StoreError::Unavailable(other)),
            },
            Err(error) => Err(error),
        }
    }

    /// Removes what a crash has left of earlier checks.
    async fn remove_old_checks(&self, own: &str) -> Result<(), StoreError> {
        let (found, _) = self.bucket.page(CHECK, None, None, 1_000).await?;
        for name in left(&found, own) {
            self.bucket.delete(name).await?;
        }
        Ok(())
    }

    /// Returns whether the server heeds the conditions of a write.
    async fn try_object(&self, name: &str) -> Result<bool, StoreError> {
        let write = |etag| self.bucket.put_if(name, CHECKED.to_vec(), etag);
        // If the driver has repeated the first one, it was refused although the object is ours.
        write(None).await?;
        if write(None).await?.is_some() || write(Some("\"0\"")).await?.is_some() {
            return Ok(false);
        }
        let read = self.bucket.read(name).await?;
        if read.is_none_or(|read| read.bytes != CHECKED) {
            return Err(StoreError::Unavailable("what was written is not read back".into()));
        }
        let upload = self.bucket.begin(name).await?;
        self.bucket.abort(name, &upload).await?;
        Ok(true)
    }
}

/// The names of objects that are an hour older than this one, by the clock of the server. No check takes so long.
fn left<'f>(found: &'f [Found], own: &str) -> impl Iterator<Item = &'f str> {
    let now = found.iter().find(|found| found.name == own).map_or(Timestamp::MIN, |own| own.written_at);
    let age = move |found: &Found| now.as_millis().saturating_sub(found.written_at.as_millis());
    found.iter().filter(move |found| age(found) >= CHECKS_LAST).map(|found| found.name.as_str())
}

#[async_trait]
impl BlobStore for S3Blobs {
    async fn stage(&self, id: FileId) -> Result<Box<dyn StagedBlob>, StoreError> {
        let (bucket, ids) = (Arc::clone(&self.bucket), Arc::clone(&self.runtime.ids));
        Ok(Box::new(S3Staged::new((bucket, id), &self.room, ids, None)))
    }

    async fn lock(&self, id: FileId) -> Result<Option<Box<dyn LockedBlob>>, StoreError> {
        let Runtime { clock, ids, .. } = &self.runtime;
        let (bucket, process) = (Arc::clone(&self.bucket), Arc::clone(&self.process));
        let taken = Lock::take(bucket, id, process, (Arc::clone(clock), &**ids)).await?;
        let (room, ids) = (Arc::clone(&self.room), Arc::clone(ids));
        Ok(taken.map(|lock| Box::new(S3Locked { lock, room, ids }) as Box<dyn LockedBlob>))
    }

    async fn open(&self, id: FileId, range: Option<Range<u64>>) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        let name = id.to_string();
        let opened = match range {
            // A request cannot ask for no bytes.
            Some(range) if range.is_empty() => {
                let found = self.bucket.size(&name).await?;
                found.map(|_| Box::pin(futures_util::stream::empty()) as bucket::Bytes)
            }
            range => self.bucket.get(&name, range).await?,
        };
        Ok(opened.map(|bytes| Box::new(S3Reader::new(Arc::clone(&self.bucket), bytes)) as Box<dyn BlobReader>))
    }

    async fn open_whole(&self, id: FileId, expected: WrittenBlob) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        let opened = self.open(id, None).await?;
        Ok(opened.map(|pieces| Box::new(Verified::new(id, pieces, expected)) as Box<dyn BlobReader>))
    }

    async fn delete(&self, id: FileId) -> Result<(), StoreError> {
        // First, so that its writer stores nothing more.
        head::delete(&self.bucket, id).await?;
        for found in self.bucket.all_of(id).await? {
            self.bucket.delete(&found.name).await?;
        }
        Ok(())
    }

    async fn list(&self, after: Option<FileId>, limit: u32) -> Result<Vec<KeptBlob>, StoreError> {
        // Behind all objects of the content.
        let after = after.map(|id| format!("{id}.~"));
        let (mut kept, mut next, limit) = (BTreeMap::<Uuid, Timestamp>::new(), None, limit as usize);
        loop {
            let (found, more) = self.bucket.page("", after.as_deref(), next, (limit + 1).min(1_000)).await?;
            for found in found {
                let id = found.name.get(..ID).and_then(|id| id.parse::<FileId>().ok());
                let is_ours = matches!(found.name.as_bytes().get(ID), None | Some(b'.'));
                if let Some(id) = id.filter(|_| is_ours) {
                    let written = kept.entry(id.uuid()).or_insert(found.written_at);
                    *written = found.written_at.max(*written);
                }
            }
            if more.is_none() || kept.len() > limit {
                break;
            }
            next = more;
        }
        let kept = kept.into_iter().take(limit);
        Ok(kept.map(|(id, written_at)| KeptBlob { id: FileId::new(id), written_at }).collect())
    }

    async fn claim(&self, mark: &str) -> Result<String, StoreError> {
        for _ in 0..CLAIMS {
            if let Some(owner) = self.owner().await? {
                return Ok(owner);
            }
            // Another one may be first. Then the next turn reads what it has written.
            self.bucket.put_if(OWNER, mark.into(), None).await?;
        }
        Err(StoreError::Unavailable("the object `owner` can be neither read nor written".into()))
    }

    async fn owner(&self) -> Result<Option<String>, StoreError> {
        let found = self.bucket.read(OWNER).await?;
        // Another program may have written the object.
        let shown =
            |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(MARK).collect();
        Ok(found.map(|found| shown(&found.bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_of_checks_that_are_an_hour_old_are_left_over() {
        let found = |name: &str, millis| {
            let written_at = Timestamp::from_millis(millis).expect("a time");
            Found { name: name.to_owned(), written_at }
        };
        let all = [found("old", 0), found("running", 1), found("own", CHECKS_LAST), found("late", CHECKS_LAST + 9)];
        assert!(left(&all, "own").eq(["old"]));
        assert_eq!(left(&all[..2], "own").count(), 0, "its own time is not known");
    }
}
