//! Storing a file that a job makes, such as the export of the data of an account.
//!
//! The steps are those of an upload. The last unit of work makes the file ready and puts the job off, so exactly one attempt
//! of the job stores an archive. What another attempt has left is removed as an upload that was given up. The file has the
//! time at which a sweep deletes it.

use super::{EraseFiles, FileTooLarge, FilesTx, ReserveUploadError, StagedBlob, UploadParts, remove_files::usage};
use crate::{
    jobs::{JobRun, enqueue_internal},
    kernel::{Actor, Attempt, Key, OutboxEvent, StoreError, TxMode, run, use_case_error},
};
use skep_domain::{
    files::{File, FileContent, FileId, FileName, FilePurpose, FileVisibility, MediaType, events::FileUploaded},
    jobs::{Job, JobId, NewJob, Progress},
    shared::{EventId, Timestamp, UserId},
};
use std::sync::Arc;

/// The media type of an archive.
const MEDIA_TYPE: &str = "application/json";

use_case_error! {
    /// The reason why an archive was not stored.
    StoreArchiveError {
        TooLarge(FileTooLarge),
    }
}

/// An archive that is stored, as the job that has made it remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredArchive {
    /// Has the archive as its content.
    pub file_id: FileId,
    /// The time from which on a sweep deletes the file.
    pub expires_at: Timestamp,
}

impl StoredArchive {
    /// The archive that this job has made. `None` if it has not made one yet.
    #[must_use]
    pub fn of(job: &Job) -> Option<Self> {
        serde_json::from_str(job.progress.as_ref()?.checkpoint.as_deref()?).ok()
    }

    fn progress(&self) -> Result<Progress, StoreError> {
        let checkpoint = serde_json::to_string(self).map_err(StoreError::unreadable)?;
        Ok(Progress { percent: 100, message: String::new(), checkpoint: Some(checkpoint) })
    }
}

/// Stores the archives that jobs make, as private files.
pub struct StoreArchive {
    parts: Arc<UploadParts>,
    erase: Arc<EraseFiles>,
}

impl StoreArchive {
    /// Stores with these ports and rules. `erase` deletes archives.
    #[must_use]
    pub const fn new(parts: Arc<UploadParts>, erase: Arc<EraseFiles>) -> Self {
        Self { parts, erase }
    }

    /// Begins a private file of this user. From here on, an erasure of the account finds it.
    ///
    /// # Errors
    /// [`StoreArchiveError`].
    pub async fn begin(&self, actor: &Actor, owner: UserId, name: FileName) -> Result<Archive, StoreArchiveError> {
        let parts = &self.parts;
        let (id, now, purpose) =
            (FileId::new(parts.runtime.ids.next()), parts.runtime.clock.now(), FilePurpose::Export);
        let most = purpose.most_bytes();
        let file = File::begin(id, owner, purpose, FileVisibility::Private, name, most, now);
        parts.reserve(actor, &file).await.map_err(|refused| match refused {
            ReserveUploadError::Store(error) => error,
            refused @ ReserveUploadError::Quota(_) => StoreError::unreadable(refused),
        })?;
        match parts.blobs.stage(id).await {
            Ok(staged) => Ok(Archive { parts: Arc::clone(parts), file, staged, received: 0 }),
            Err(error) => {
                let _ = parts.remove.remove(id).await;
                Err(error.into())
            }
        }
    }

    /// Deletes an archive and its content, if it is still there.
    ///
    /// # Errors
    /// The store's error.
    pub async fn remove(&self, id: FileId) -> Result<(), StoreError> {
        self.erase.erase(id, "expiry").await
    }
}

/// What a job does when its archive is stored.
pub struct ArchiveEnd<'a> {
    /// Has made the archive.
    pub job: &'a JobRun,
    /// The time at which the job runs again.
    pub put_off_until: Timestamp,
    /// The time from which on a sweep deletes the archive.
    pub expires_at: Timestamp,
    /// A job that is stored with the archive.
    pub follows: NewJob,
}

/// An archive that receives its content. End it with [`Archive::finish`] or [`Archive::abandon`]; if it is dropped, the
/// sweep removes it later.
pub struct Archive {
    parts: Arc<UploadParts>,
    file: File,
    staged: Box<dyn StagedBlob>,
    received: u64,
}

impl Archive {
    /// Adds bytes to the content.
    ///
    /// # Errors
    /// [`StoreArchiveError`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreArchiveError> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > self.file.size {
            return Err(FileTooLarge { most: self.file.size }.into());
        }
        Ok(self.staged.write(bytes).await?)
    }

    /// Makes the file ready and puts the job off, in one unit of work. If it fails, the archive is removed.
    ///
    /// # Errors
    /// The store's error, also if another worker holds the job meanwhile, the job was cancelled, or the account is erased.
    pub async fn finish(self, actor: &Actor, end: ArchiveEnd<'_>) -> Result<StoredArchive, StoreError> {
        let (parts, id) = (Arc::clone(&self.parts), self.file.id);
        let finished = self.complete(actor, &end).await;
        if finished.is_err() {
            // After an unknown outcome the file may be ready, and then nothing is removed.
            let _ = parts.remove.remove(id).await;
        }
        finished
    }

    /// Removes the archive.
    pub async fn abandon(self) {
        let (parts, id) = (Arc::clone(&self.parts), self.file.id);
        drop(self.staged);
        // What is left over here is left to the sweep.
        let _ = parts.remove.remove(id).await;
    }

    async fn complete(self, actor: &Actor, end: &ArchiveEnd<'_>) -> Result<StoredArchive, StoreError> {
        let Self { parts, file, mut staged, .. } = self;
        let written = staged.sync().await?;
        staged.publish().await?;
        let media_type = MediaType::parse(MEDIA_TYPE).map_err(StoreError::unreadable)?;
        let content = FileContent { size: written.size, media_type, checksum: written.checksum };
        let (ids, now) = (&parts.runtime.ids, parts.runtime.clock.now());
        let ready =
            &Ready { id: file.id, content, now, event_id: EventId::new(ids.next()), job_id: JobId::new(ids.next()) };
        run(&parts.runtime, None, |attempt| {
            let store = parts.store.clone();
            async move {
                let mut unit = store.begin(TxMode::Write, &[Key(ready.id.uuid())]).await?;
                let stored = ready.store(&mut *unit, actor, end, &attempt).await;
                attempt.end(unit, stored).await
            }
        })
        .await
    }
}

/// An archive whose content is published.
struct Ready {
    id: FileId,
    content: FileContent,
    now: Timestamp,
    event_id: EventId,
    job_id: JobId,
}

impl Ready {
    async fn store(
        &self,
        unit: &mut dyn FilesTx,
        actor: &Actor,
        end: &ArchiveEnd<'_>,
        attempt: &Attempt,
    ) -> Result<StoredArchive, StoreError> {
        let archive = StoredArchive { file_id: self.id, expires_at: end.expires_at };
        if attempt.after_unknown && unit.outbox().settle(self.event_id).await? {
            return Ok(archive);
        }
        let given_up = || StoreError::Unavailable("the archive was given up".into());
        let mut file = unit.files().find(self.id).await?.ok_or_else(given_up)?;
        let reserved = file.size;
        file.complete(None, self.content.clone(), self.now).map_err(|_| given_up())?;
        file.delete_at = Some(end.expires_at);
        let mut usage = usage(unit, &file).await?;
        usage.end(reserved, &file);
        unit.file_usage().save(&usage).await?;
        file.version = unit.files().save(&file).await?;
        let event = FileUploaded::of(&file, &self.content);
        let event = OutboxEvent::of(self.event_id, &event, file.version, actor, file.updated_at)?;
        unit.outbox().append(&event).await?;
        end.job.put_off_in(unit.jobs(), archive.progress()?, end.put_off_until, self.now).await?;
        enqueue_internal(unit.jobs(), self.job_id, end.follows.clone(), actor, self.now).await?;
        Ok(archive)
    }
}
