//! Removes contents that no file needs any more, and then their rows. The pictures of a file in sizes go with it.

use super::{BlobStore, FileQueries, FilesTx, constraints::FILE_IMAGE_FILE, content_owner::ContentOwner};
use crate::{
    kernel::{Actor, Begin, Key, OutboxEvent, Round, Runtime, StoreError, SweepAll, TxMode, run},
    operations::Migrations,
};
use async_trait::async_trait;
use skep_domain::{
    files::{File, FileId, FileState, FileUsage, events::FileDeleted},
    shared::{EventId, Timestamp},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The greatest number of contents that a round of [`SweepOrphanBlobs`] looks at.
const LOOKED_AT: usize = 5_000;

/// Removes deleted files: first the content, and then the row. A crash in between leaves a row without a content, which
/// no caller sees and the next sweep removes. It never leaves a file that is shown without its content.
pub struct RemoveFiles {
    store: Arc<dyn Begin<dyn FilesTx>>,
    blobs: Arc<dyn BlobStore>,
    runtime: Runtime,
}

impl RemoveFiles {
    /// Removes rows from the one store and contents from the other.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn FilesTx>>, blobs: Arc<dyn BlobStore>, runtime: Runtime) -> Self {
        Self { store, blobs, runtime }
    }

    /// Removes the content of a deleted file, and its row. An upload is given up first, so that it cannot become ready
    /// meanwhile, and so is an infected file whose time is over. Returns whether a row was removed: `false` if the file is
    /// still shown, or no longer exists.
    ///
    /// # Errors
    /// The store's error.
    pub async fn remove(&self, id: FileId) -> Result<bool, StoreError> {
        loop {
            let Some(images) = self.give_up(id).await? else { return Ok(false) };
            for image in &images {
                self.blobs.delete(*image).await?;
            }
            self.blobs.delete(id).await?;
            match self.delete_rows(id, &images).await {
                // A picture was stored after the look. The file is deleted, so no further one can follow.
                Err(StoreError::Referenced { constraint }) if constraint == FILE_IMAGE_FILE => {}
                removed => return removed,
            }
        }
    }

    async fn delete_rows(&self, id: FileId, images: &[FileId]) -> Result<bool, StoreError> {
        run(&self.runtime, None, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[Key(id.uuid())]).await?;
            let removed = delete_rows(&mut *unit, id, images).await;
            attempt.end(unit, removed).await
        })
        .await
    }

    /// Gives the file up if it is an upload, or infected and its time is over, which an event reports. If its content may be
    /// deleted, returns the ids of its pictures in sizes.
    async fn give_up(&self, id: FileId) -> Result<Option<Vec<FileId>>, StoreError> {
        let (now, event_id) = (self.runtime.clock.now(), EventId::new(self.runtime.ids.next()));
        run(&self.runtime, None, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[Key(id.uuid())]).await?;
            let given_up = give_up(&mut *unit, id, event_id, now).await;
            attempt.end(unit, given_up).await
        })
        .await
    }
}

async fn give_up(
    unit: &mut dyn FilesTx,
    id: FileId,
    event_id: EventId,
    now: Timestamp,
) -> Result<Option<Vec<FileId>>, StoreError> {
    let Some(mut file) = unit.files().find(id).await? else { return Ok(None) };
    if file.state == FileState::Uploading {
        file.remove(now);
        let mut usage = usage(unit, &file).await?;
        usage.end(file.size, &file);
        unit.file_usage().save(&usage).await?;
        unit.files().save(&file).await?;
    } else if file.is_overdue(now) {
        file.remove(now);
        let version = unit.files().save(&file).await?;
        let event = FileDeleted::of(&file);
        let event = OutboxEvent::of(event_id, &event, version, &Actor::system("expiry"), file.updated_at)?;
        unit.outbox().append(&event).await?;
    }
    if file.state != FileState::Deleted {
        return Ok(None);
    }
    // An upload that was given up has none, but is removed once only.
    Ok(Some(unit.images().list_of(id).await?.iter().map(|image| image.id).collect()))
}

async fn delete_rows(unit: &mut dyn FilesTx, id: FileId, images: &[FileId]) -> Result<bool, StoreError> {
    let file = unit.files().find(id).await?.filter(|file| file.state == FileState::Deleted);
    let Some(file) = file else { return Ok(false) };
    let mut usage = usage(unit, &file).await?;
    usage.remove(&file);
    unit.file_usage().save(&usage).await?;
    if !images.is_empty() {
        unit.images().delete_many(images).await?;
    }
    unit.files().delete(&file).await?;
    Ok(true)
}

/// The usage of the owner of a file, which exists as long as the file.
pub(super) async fn usage(unit: &mut dyn FilesTx, file: &File) -> Result<FileUsage, StoreError> {
    let usage = unit.file_usage().find(file.owner_id).await?;
    usage.ok_or_else(|| StoreError::corrupt("file_usage", file.owner_id, "is missing"))
}

/// The age as milliseconds before now.
fn before(now: Timestamp, age: Duration) -> Timestamp {
    now.plus_millis(-i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// Removes deleted files, uploads that were given up, uploads in pieces that have expired, and infected files whose time is
/// over.
pub struct SweepFiles {
    files: Arc<dyn FileQueries>,
    remove: Arc<RemoveFiles>,
    upload_time: Duration,
}

impl SweepFiles {
    /// Gives an upload up after `upload_time`. One that arrives in pieces has its own time.
    #[must_use]
    pub fn new(files: Arc<dyn FileQueries>, remove: Arc<RemoveFiles>, upload_time: Duration) -> Self {
        Self { files, remove, upload_time }
    }
}

#[async_trait]
impl SweepAll for SweepFiles {
    fn name(&self) -> &'static str {
        "files"
    }

    async fn sweep_all(&self, round: &mut Round<'_>) -> Result<(), StoreError> {
        let (until, mut last, mut failed) = (before(round.now, self.upload_time), None, Ok(()));
        loop {
            let found = self.files.list_removable_files(until, round.now, last, round.limit).await?;
            for id in &found {
                if round.is_stopped() {
                    return failed;
                }
                match self.remove.remove(*id).await {
                    Ok(removed) => round.swept += u64::from(removed),
                    // The others may succeed.
                    Err(error) => failed = failed.and(Err(error)),
                }
            }
            if found.len() < round.limit as usize {
                return failed;
            }
            last = found.last().copied();
        }
    }
}

/// Deletes contents that belong to no file. Such a content is left if a program ends between two steps, or if rows are
/// restored from a backup. Each round looks at the next part of the contents.
pub struct SweepOrphanBlobs {
    files: Arc<dyn FileQueries>,
    blobs: Arc<dyn BlobStore>,
    owner: ContentOwner,
    age: Duration,
    /// The last content that a round has looked at.
    last: Mutex<Option<FileId>>,
}

impl SweepOrphanBlobs {
    /// Deletes contents without a file that have at least this age. `migrations` are those of the store of the files.
    #[must_use]
    pub fn new(
        files: Arc<dyn FileQueries>,
        blobs: Arc<dyn BlobStore>,
        migrations: Arc<dyn Migrations>,
        age: Duration,
    ) -> Self {
        let owner = ContentOwner::new(migrations, files.clone());
        Self { files, blobs, owner, age, last: Mutex::default() }
    }

    fn at(&self) -> Option<FileId> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_on_after(&self, last: Option<FileId>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

#[async_trait]
impl SweepAll for SweepOrphanBlobs {
    fn name(&self) -> &'static str {
        "contents without a file"
    }

    async fn sweep_all(&self, round: &mut Round<'_>) -> Result<(), StoreError> {
        self.owner.claim(&*self.blobs).await?;
        let (until, mut seen, mut failed) = (before(round.now, self.age), 0, Ok(()));
        while seen < LOOKED_AT && !round.is_stopped() {
            let kept = self.blobs.list(self.at(), round.limit).await?;
            let old: Vec<FileId> = kept.iter().filter(|blob| blob.written_at <= until).map(|blob| blob.id).collect();
            let known: BTreeSet<_> = match old.is_empty() {
                true => BTreeSet::new(),
                false => self.files.list_known_files(&old).await?.into_iter().map(FileId::uuid).collect(),
            };
            for id in old.into_iter().filter(|id| !known.contains(&id.uuid())) {
                match self.blobs.delete(id).await {
                    Ok(()) => round.swept += 1,
                    // The others may succeed, and a later round tries it again.
                    Err(error) => failed = failed.and(Err(error)),
                }
            }
            seen += kept.len();
            // After the last one, the next round begins again.
            let is_last = kept.len() < round.limit as usize;
            self.go_on_after(kept.last().map(|blob| blob.id).filter(|_| !is_last));
            if is_last {
                break;
            }
        }
        failed
    }
}
