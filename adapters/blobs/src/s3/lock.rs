//! The right of one writer to change a content.
//!
//! Some servers delete an object without heeding a condition. So a head is deleted only soon after our own last change of
//! it, when no other process can have taken the content over yet.

use super::{
    bucket::Bucket,
    head::{self, Head, Holder, Known, Piece, read, replace},
    process::{Process, State},
};
use skep_application::kernel::{Clock, IdGenerator, StoreError};
use skep_domain::files::FileId;
use std::{pin::pin, sync::Arc, time::Duration};
use uuid::Uuid;

/// How long a writer keeps others away after its last change. A process that was killed has its content so long after
/// another one has asked for it.
pub(super) const TERM: Duration = Duration::from_secs(30);
/// How often a writer changes the object at least while bytes arrive.
const RENEWED_EVERY: Duration = Duration::from_secs(10);
/// How often a writer that waits for the server looks whether it is time to.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);
/// The most attempts to take a content while its last lock is being ended.
const ATTEMPTS: usize = 8;

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
    /// When the last change was sent.
    changed: Duration,
    /// Whether a change was sent, and its result is not known.
    is_unsure: bool,
    /// Whether the content was resumed, so that a noted upload in parts is our own.
    pub(super) is_resumed: bool,
    /// Pieces that are stored, or may be, and that the head may not name.
    pub(super) strays: Vec<Uuid>,
}

impl Lock {
    /// Takes the content. `None` if another writer has it.
    pub(super) async fn take(
        bucket: Arc<Bucket>,
        id: FileId,
        process: Arc<Process>,
        (clock, ids): (Arc<dyn Clock>, &dyn IdGenerator),
    ) -> Result<Option<Self>, StoreError> {
        for _ in 0..ATTEMPTS {
            let known = read(&bucket, id).await?;
            let holder = known.as_ref().and_then(|known| known.head.holder);
            // A lock of our own that has ended may just be taken out of the head.
            let may_change = holder.is_some_and(|holder| holder.process == process.id);
            if let (Some(holder), Some(known)) = (holder, &known) {
                match process.state(holder.lock) {
                    State::Held if may_change => return Ok(None),
                    State::Ending(mut done) if may_change => {
                        let _ = done.changed().await;
                        continue;
                    }
                    _ if may_change => {}
                    _ if process.is_over(id.uuid(), &known.etag, clock.monotonic()) => {}
                    _ => return Ok(None),
                }
            }
            let holder = Holder { process: process.id, lock: ids.next() };
            let (head, etag) = known.map_or_else(Default::default, |known| (known.head, Some(known.etag)));
            let exists = etag.is_some() || bucket.size(&id.to_string()).await?.is_some();
            let (bucket, process, clock) = (Arc::clone(&bucket), Arc::clone(&process), Arc::clone(&clock));
            process.begin(holder.lock);
            let (changed, is_unsure, is_resumed, strays) = (clock.monotonic(), false, false, vec![]);
            let mut lock =
                Self { bucket, id, process, clock, holder, head, etag, changed, is_unsure, is_resumed, strays };
            // A content that does not exist is begun by the first one that writes.
            if !exists || lock.change(|_| {}).await? {
                return Ok(Some(lock));
            }
            lock.etag = None;
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
        let sent = self.clock.monotonic();
        self.is_unsure = true;
        let replaced = replace(&self.bucket, self.id, &head, self.etag.as_deref()).await?;
        self.is_unsure = false;
        let Some(etag) = replaced else { return Ok(false) };
        (self.head, self.etag, self.changed) = (head, Some(etag), sent);
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

    /// Waits for work that can take longer than a term, and keeps other writers away meanwhile.
    pub(super) async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(LOOKED_AT_EVERY, work.as_mut()).await {
                Ok(done) => return done,
                Err(_) => self.renew().await?,
            }
        }
    }

    /// The error for a piece that is not there. It is no damage if another writer has taken the content over.
    pub(super) async fn missing(&mut self) -> StoreError {
        match self.must_change(|_| {}).await {
            Ok(()) => StoreError::corrupt("files", self.id, "a piece of an upload is missing"),
            Err(error) => error,
        }
    }

    /// Removes the pieces that the head no longer names, after it was changed. What stays is removed when the content is
    /// resumed or deleted.
    pub(super) async fn remove_strays(&mut self) {
        let strays = std::mem::take(&mut self.strays);
        let _ = head::remove(&self.bucket, self.id, unnamed(strays, self.head.pieces.as_deref())).await;
    }

    /// Removes these pieces and the head of a content that is complete. What stays is removed with the content.
    pub(super) async fn remove(mut self, pieces: Vec<Piece>) {
        let _ = head::remove(&self.bucket, self.id, pieces.into_iter().map(|piece| piece.name).collect()).await;
        if self.renew().await.is_err() {
            return;
        }
        let Some(etag) = &self.etag else { return };
        if self.bucket.delete_if(&head::name_of(self.id), etag).await.is_ok() {
            self.etag = None;
        }
    }
}

/// The names that no piece has.
pub(super) fn unnamed(names: Vec<Uuid>, pieces: Option<&[Piece]>) -> Vec<Uuid> {
    let is_named = |name: &Uuid| pieces.unwrap_or_default().iter().any(|piece| piece.name == *name);
    names.into_iter().filter(|name| !is_named(name)).collect()
}

impl Drop for Lock {
    fn drop(&mut self) {
        let ending = self.process.end(self.holder.lock);
        let etag = self.etag.take();
        if etag.is_none() && !self.is_unsure && self.strays.is_empty() {
            return;
        }
        let (bucket, head, strays) =
            (Arc::clone(&self.bucket), std::mem::take(&mut self.head), std::mem::take(&mut self.strays));
        let upload = head.upload.clone().filter(|_| self.is_resumed);
        let (id, holder, is_resumed, clock) = (self.id, self.holder, self.is_resumed, Arc::clone(&self.clock));
        let known = etag.map(|etag| (Known { head, etag }, Some(self.changed)));
        let end = End { bucket, id, holder, clock, known, upload, is_resumed };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let (bucket, id) = (Arc::clone(&end.bucket), end.id);
            let left = end.let_go().await;
            drop(ending);
            // While nothing is known of the head, it may name each of them.
            if let Some(left) = left {
                let _ = head::remove(&bucket, id, unnamed(strays, Some(&left))).await;
            }
        });
    }
}

/// The end of a lock, so that other processes need not wait for the end of its term.
struct End {
    bucket: Arc<Bucket>,
    id: FileId,
    holder: Holder,
    clock: Arc<dyn Clock>,
    /// What is stored, and when it was sent, as far as that is known.
    known: Option<(Known, Option<Duration>)>,
    /// The upload in parts to give up.
    upload: Option<String>,
    is_resumed: bool,
}

impl End {
    /// Takes our name out of the head, and deletes a head that says nothing. Returns the pieces of the present head if none
    /// of our own changes can follow.
    async fn let_go(mut self) -> Option<Vec<Piece>> {
        if let Some(upload) = &self.upload
            && self.bucket.abort(&self.id.to_string(), upload).await.is_ok()
        {
            self.upload = None;
        }
        for _ in 0..ATTEMPTS {
            let (Known { mut head, etag }, changed) = match self.known.take() {
                Some(known) => known,
                None => match read(&self.bucket, self.id).await.ok()? {
                    Some(known) if known.head.holder == Some(self.holder) => (known, None),
                    Some(known) => return Some(known.head.pieces.unwrap_or_default()),
                    None => return Some(vec![]),
                },
            };
            if self.is_resumed {
                head.upload.clone_from(&self.upload);
            }
            let is_empty = head.pieces.is_none() && head.upload.is_none();
            let now = self.clock.monotonic();
            if is_empty && changed.is_some_and(|changed| now.saturating_sub(changed) < RENEWED_EVERY) {
                if self.bucket.delete_if(&head::name_of(self.id), &etag).await.ok()? {
                    return Some(vec![]);
                }
                continue;
            }
            head.turn += 1;
            head.holder = head.holder.filter(|_| is_empty);
            if let Ok(Some(etag)) = replace(&self.bucket, self.id, &head, Some(&etag)).await {
                if !is_empty {
                    return Some(head.pieces.unwrap_or_default());
                }
                self.known = Some((Known { head, etag }, Some(now)));
            }
        }
        None
    }
}
