//! What is stored beside a content that is not complete, and the right of one writer to change it.
//!
//! Each change replaces the object only if it is as the writer has left it, so of two writers one fails. No clock
//! matters for that: the time only decides when another writer may try to take over.

use super::bucket::Bucket;
use serde::{Deserialize, Serialize};
use skep_application::kernel::{Clock, IdGenerator, StoreError};
use skep_domain::{files::FileId, shared::Timestamp};
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};
use uuid::Uuid;

/// The end of the name of the object.
const HEAD: &str = ".head";
/// How long a writer keeps others away after its last change. A process that was killed has its content so long.
const TERM: Duration = Duration::from_secs(30);
/// How often a writer changes the object at least while bytes arrive.
const RENEWED_EVERY: Duration = Duration::from_secs(10);
/// The most attempts to take a content away from a writer that changes it at the same time.
const SEIZURES: usize = 8;

/// A writer: one lock of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    process: Uuid,
    lock: Uuid,
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
    turn: u64,
    /// What has arrived; `None` if the content was written at once.
    pub(super) pieces: Option<Vec<Piece>>,
    /// The upload in parts that is to become the published content.
    pub(super) upload: Option<String>,
    /// Whether the content may be published.
    pub(super) may_be_published: bool,
}

/// The locks of a process. A lock that names the process and is not among them has ended.
pub(super) struct Process {
    id: Uuid,
    locks: Mutex<BTreeSet<Uuid>>,
}

impl Process {
    pub(super) fn new(ids: &dyn IdGenerator) -> Arc<Self> {
        Arc::new(Self { id: ids.next(), locks: Mutex::default() })
    }

    /// This process.
    pub(super) fn this(ids: &dyn IdGenerator) -> Arc<Self> {
        static THIS: LazyLock<Mutex<Option<Arc<Process>>>> = LazyLock::new(Mutex::default);
        let mut this = THIS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(this.get_or_insert_with(|| Self::new(ids)))
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeSet<Uuid>) -> T) -> T {
        work(&mut self.locks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The name of the object beside a content.
pub(super) fn name_of(id: FileId) -> String {
    format!("{id}{HEAD}")
}

struct Known {
    head: Head,
    etag: String,
    written_at: Timestamp,
}

async fn read(bucket: &Bucket, id: FileId) -> Result<Option<Known>, StoreError> {
    let Some(found) = bucket.read(&name_of(id)).await? else { return Ok(None) };
    let head = serde_json::from_slice(&found.bytes);
    let head = head.map_err(|error| StoreError::corrupt("files", id, &format!("its head is damaged: {error}")))?;
    Ok(Some(Known { head, etag: found.etag, written_at: found.written_at }))
}

/// Stores the head if the present one has this entity tag. Returns the new entity tag; `None` if it is another one.
async fn replace(bucket: &Bucket, id: FileId, head: &Head, etag: Option<&str>) -> Result<Option<String>, StoreError> {
    let bytes = serde_json::to_vec(head).map_err(|error| StoreError::Corrupt(error.into()))?;
    if let Some(etag) = bucket.put_if(&name_of(id), bytes, etag).await? {
        return Ok(Some(etag));
    }
    // The answer to an earlier attempt of this request may have been lost.
    let known = read(bucket, id).await?;
    Ok(known.filter(|known| known.head == *head).map(|known| known.etag))
}

/// Takes the content away from its writer, so that none of its changes succeeds any more. Returns what was stored.
async fn seize(bucket: &Bucket, id: FileId) -> Result<Option<Head>, StoreError> {
    for _ in 0..SEIZURES {
        let Some(Known { mut head, etag, .. }) = read(bucket, id).await? else { return Ok(None) };
        head.holder = None;
        head.turn += 1;
        if replace(bucket, id, &head, Some(&etag)).await?.is_some() {
            return Ok(Some(head));
        }
    }
    Err(StoreError::Unavailable("the content is changed all the time".into()))
}

/// Deletes the head. Its writer can neither go on nor publish the content.
pub(super) async fn delete(bucket: &Bucket, id: FileId) -> Result<(), StoreError> {
    let Some(head) = seize(bucket, id).await? else { return Ok(()) };
    if let Some(upload) = &head.upload {
        bucket.abort(&id.to_string(), upload).await?;
    }
    bucket.delete(&name_of(id)).await
}

/// Notes an upload in parts of a content that is written at once, so that it is found after a crash. What was left of an
/// earlier one is given up.
pub(super) async fn note(bucket: &Bucket, id: FileId, upload: &str) -> Result<(), StoreError> {
    let head = Head { upload: Some(upload.to_owned()), ..Head::default() };
    for _ in 0..SEIZURES {
        if replace(bucket, id, &head, None).await?.is_some() {
            return Ok(());
        }
        delete(bucket, id).await?;
    }
    Err(StoreError::Unavailable("the content is changed all the time".into()))
}

/// The right to change a content, until it is dropped.
pub(super) struct Lock {
    pub(super) bucket: Arc<Bucket>,
    pub(super) id: FileId,
    process: Arc<Process>,
    clock: Arc<dyn Clock>,
    holder: Holder,
    pub(super) head: Head,
    /// `None` if the head does not exist.
    etag: Option<String>,
    changed: Duration,
}

impl Lock {
    /// Takes the content. `None` if another writer has it.
    pub(super) async fn take(
        bucket: Arc<Bucket>,
        id: FileId,
        process: Arc<Process>,
        (clock, ids): (Arc<dyn Clock>, &dyn IdGenerator),
    ) -> Result<Option<Self>, StoreError> {
        for _ in 0..SEIZURES {
            let known = read(&bucket, id).await?;
            if known.as_ref().is_some_and(|known| is_held(known, &process, clock.now())) {
                return Ok(None);
            }
            // A lock of our own that has ended may just be taken out of the head.
            let may_change =
                known.as_ref().and_then(|known| known.head.holder).is_some_and(|it| it.process == process.id);
            let holder = Holder { process: process.id, lock: ids.next() };
            process.with(|locks| locks.insert(holder.lock));
            let (head, etag) = known.map_or_else(Default::default, |known| (known.head, Some(known.etag)));
            let exists = etag.is_some() || bucket.size(&id.to_string()).await?.is_some();
            let (bucket, process, clock) = (Arc::clone(&bucket), Arc::clone(&process), Arc::clone(&clock));
            let changed = clock.monotonic();
            let mut lock = Self { bucket, id, process, clock, holder, head, etag, changed };
            // A content that does not exist is begun by the first one that writes.
            if !exists || lock.change(|_| {}).await? {
                return Ok(Some(lock));
            }
            lock.forget();
            if !may_change {
                break;
            }
        }
        Ok(None)
    }

    /// Whether the head is stored, with our name in it.
    pub(super) const fn is_stored(&self) -> bool {
        self.etag.is_some()
    }

    /// Changes the head. Returns `false` if another writer has changed it meanwhile.
    pub(super) async fn change(&mut self, change: impl FnOnce(&mut Head) + Send) -> Result<bool, StoreError> {
        let mut head = Head { holder: Some(self.holder), turn: self.head.turn + 1, ..self.head.clone() };
        change(&mut head);
        let Some(etag) = replace(&self.bucket, self.id, &head, self.etag.as_deref()).await? else { return Ok(false) };
        (self.head, self.etag, self.changed) = (head, Some(etag), self.clock.monotonic());
        Ok(true)
    }

    /// Changes the head, or fails if another writer has taken the content over.
    pub(super) async fn must_change(&mut self, change: impl FnOnce(&mut Head) + Send) -> Result<(), StoreError> {
        match self.change(change).await? {
            true => Ok(()),
            false => Err(StoreError::Unavailable("another writer has taken the content over".into())),
        }
    }

    /// Keeps other writers away for another term, if it is time to.
    pub(super) async fn renew(&mut self) -> Result<(), StoreError> {
        if self.clock.monotonic().saturating_sub(self.changed) < RENEWED_EVERY {
            return Ok(());
        }
        self.must_change(|_| {}).await
    }

    /// The content is complete, and its head is gone.
    pub(super) fn forget(&mut self) {
        self.etag = None;
    }
}

/// Whether another writer has the content.
fn is_held(known: &Known, process: &Process, now: Timestamp) -> bool {
    let Some(holder) = known.head.holder else { return false };
    if holder.process == process.id {
        return process.with(|locks| locks.contains(&holder.lock));
    }
    let term = i64::try_from(TERM.as_millis()).unwrap_or(i64::MAX);
    known.written_at.plus_millis(term) > now
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.process.with(|locks| locks.remove(&self.holder.lock));
        let Some(etag) = self.etag.take() else { return };
        // Other processes need not wait for the end of the term then.
        let (bucket, id, mut head) = (Arc::clone(&self.bucket), self.id, std::mem::take(&mut self.head));
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Some(upload) = head.upload.take() {
                let _ = bucket.abort(&id.to_string(), &upload).await;
            }
            (head.holder, head.turn) = (None, head.turn + 1);
            let _ = replace(&bucket, id, &head, Some(&etag)).await;
        });
    }
}
