//! Asking the scanner about a quarantined file.
//!
//! 1. The scanner reads the content.
//! 2. A unit of work stores the verdict and settles the job. A clean file is ready then.
//! 3. The job of an infected file runs once more, and deletes the content.
//!
//! Until the verdict is stored, the file stays quarantined, whatever fails. After it, no caller gets the content of an
//! infected file, also if the third step is late.

use super::{BlobStore, FileQueries, FilesTx, ScanError, Scanner, WrittenBlob};
use crate::{
    jobs::JobRun,
    kernel::{Actor, Attempt, Begin, Key, OutboxEvent, Runtime, StoreError, TxMode, run},
};
use skep_domain::{
    files::{
        File, FileContent, FileId, FileState, ThreatName, Verdict,
        events::{FileInfected, FileUploaded},
    },
    jobs::{JobArgs, JobKind, JobStates, NewJob, Progress, QueueName, UniqueKey, Uniqueness},
    shared::{EventId, Timestamp},
};
use std::sync::Arc;

/// The arguments of the job that asks the scanner about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileScan {
    /// The file to judge.
    pub file_id: FileId,
}

impl FileScan {
    /// The kind of the jobs that ask the scanner.
    pub const JOB_KIND: &'static str = "files.scan_file";
    /// How often such a job is tried: with the longest pause of 5 minutes, for 9 years. So a scanner that is away delays a
    /// file and never loses it.
    pub const ATTEMPTS: u32 = 1_000_000;

    /// The job that asks the scanner.
    ///
    /// # Errors
    /// The arguments cannot be written, which is a fault of the program.
    pub fn job(&self) -> Result<NewJob, StoreError> {
        let args = serde_json::to_string(self).map_err(StoreError::unreadable)?;
        let args = JobArgs::parse(args).map_err(StoreError::unreadable)?;
        let kind = JobKind::stored(Self::JOB_KIND.to_owned());
        // A file that is looked at again has no second job.
        let key = UniqueKey::parse(&format!("{}:{}", Self::JOB_KIND, self.file_id)).map_err(StoreError::unreadable)?;
        let unique = Some(Uniqueness { key, states: JobStates::UNFINISHED });
        Ok(NewJob { max_attempts: Self::ATTEMPTS, queue: QueueName::scans(), unique, ..NewJob::of(kind, args) })
    }
}

/// What an attempt has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// The file is ready, and the job is completed.
    Clean,
    /// The file is infected, and the job runs once more to delete the content.
    Infected(ThreatName),
    /// The content of an infected file is deleted.
    ContentDeleted,
    /// The file does not wait for a verdict: it was deleted, or judged before.
    NotQuarantined,
}

/// Why an attempt has done nothing. The file stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum NotScanned {
    /// The file is quarantined, but this instance has no scanner.
    #[error("the file waits for a scanner, but none is configured")]
    NoScanner,
    /// The file has no content.
    #[error("the content of the file is missing")]
    Missing,
    /// The scanner has not judged the content.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The error of a store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks the scanner about files.
pub struct ScanFile {
    store: Arc<dyn Begin<dyn FilesTx>>,
    files: Arc<dyn FileQueries>,
    blobs: Arc<dyn BlobStore>,
    scanner: Option<Arc<dyn Scanner>>,
    runtime: Runtime,
}

impl ScanFile {
    /// Keeps rows in the one store and contents in the other. Without a scanner, files that are quarantined stay so.
    #[must_use]
    pub fn new(
        (store, files): (Arc<dyn Begin<dyn FilesTx>>, Arc<dyn FileQueries>),
        blobs: Arc<dyn BlobStore>,
        scanner: Option<Arc<dyn Scanner>>,
        runtime: Runtime,
    ) -> Self {
        Self { store, files, blobs, scanner, runtime }
    }

    /// Asks the scanner about the file, or goes on with what its verdict has begun. With a verdict, the job is settled in
    /// the unit that stores it.
    ///
    /// # Errors
    /// [`NotScanned`].
    pub async fn execute(&self, job: &JobRun, id: FileId) -> Result<Scanned, NotScanned> {
        let Some(file) = self.files.find_file(id).await? else { return Ok(Scanned::NotQuarantined) };
        match (file.state, file.described()) {
            (FileState::Quarantined, Some(content)) => self.judge(job, &file, content).await,
            (FileState::Infected, _) => {
                self.blobs.delete(id).await?;
                Ok(Scanned::ContentDeleted)
            }
            _ => Ok(Scanned::NotQuarantined),
        }
    }

    async fn judge(&self, job: &JobRun, file: &File, content: FileContent) -> Result<Scanned, NotScanned> {
        let scanner = self.scanner.as_ref().ok_or(NotScanned::NoScanner)?;
        let written = WrittenBlob { size: content.size, checksum: content.checksum };
        let Some(reader) = self.blobs.open_whole(file.id, written).await? else {
            let now = self.files.find_file(file.id).await?;
            let is_there = now.is_some_and(|file| file.state == FileState::Quarantined);
            return if is_there { Err(NotScanned::Missing) } else { Ok(Scanned::NotQuarantined) };
        };
        let verdict = scanner.scan(reader).await?;
        let (event_id, now) = (EventId::new(self.runtime.ids.next()), self.runtime.clock.now());
        let mut actor = Actor::system(job.job().origin.request_id.clone());
        actor.traceparent.clone_from(&job.job().origin.traceparent);
        let (judged, actor) = (&Judged { id: file.id, content, verdict, event_id, now }, &actor);
        let is_stored = run(&self.runtime, None, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[Key(judged.id.uuid())]).await?;
            let stored = judged.store(&mut *unit, actor, job, &attempt).await;
            attempt.end(unit, stored).await
        })
        .await?;
        Ok(match &judged.verdict {
            _ if !is_stored => Scanned::NotQuarantined,
            Verdict::Clean => Scanned::Clean,
            Verdict::Infected(threat) => Scanned::Infected(threat.clone()),
        })
    }
}

/// A verdict about a file.
struct Judged {
    id: FileId,
    content: FileContent,
    verdict: Verdict,
    event_id: EventId,
    now: Timestamp,
}

impl Judged {
    /// Stores the verdict and settles the job. Returns `false`, and stores nothing, if the file is no longer quarantined.
    async fn store(
        &self,
        unit: &mut dyn FilesTx,
        actor: &Actor,
        job: &JobRun,
        attempt: &Attempt,
    ) -> Result<bool, StoreError> {
        if attempt.after_unknown && unit.outbox().settle(self.event_id).await? {
            return Ok(true);
        }
        let Some(mut file) = unit.files().find(self.id).await? else { return Ok(false) };
        // The verdict is about one content.
        if file.described().as_ref() != Some(&self.content) {
            return Ok(false);
        }
        if file.judge(&self.verdict, self.now).is_err() {
            return Ok(false);
        }
        file.version = unit.files().save(&file).await?;
        let (id, version, at) = (self.event_id, file.version, file.updated_at);
        let event = match &self.verdict {
            Verdict::Clean => OutboxEvent::of(id, &FileUploaded::of(&file, &self.content), version, actor, at)?,
            Verdict::Infected(threat) => {
                OutboxEvent::of(id, &FileInfected::of(&file, &self.content, threat), version, actor, at)?
            }
        };
        unit.outbox().append(&event).await?;
        match &self.verdict {
            Verdict::Clean => job.complete_in(unit.jobs(), None, self.now).await?,
            // The next attempt deletes the content.
            Verdict::Infected(_) => job.put_off_in(unit.jobs(), Progress::default(), self.now, self.now).await?,
        }
        Ok(true)
    }
}
