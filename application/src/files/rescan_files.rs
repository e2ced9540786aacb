//! Looking again at the files that wait for a scanner: their jobs are stored again, or an operator releases them.
//!
//! Each batch is a unit of work of its own. A run that was stopped is run again from the start, and finds what is left.

use super::{FileQueries, FileScan, FilesTx};
use crate::{
    jobs::enqueue_internal,
    kernel::{Actor, Attempt, Begin, Denied, Key, OutboxEvent, Runtime, StoreError, TxMode, permit, run},
};
use skep_domain::{
    files::{
        File, FileId, FileState, actions,
        events::{FileReleased, FileUploaded},
    },
    jobs::{JobId, NewJob},
    shared::{EventId, Timestamp},
};
use std::sync::Arc;

/// How many files one unit of work is about.
const BATCH: u32 = 100;

/// What to do with the files that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rescan {
    /// The scanner is asked about each. One that waits for it already is left alone.
    Ask,
    /// Each is ready, although nothing has judged it.
    Release,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rescanned {
    /// The number of files that were found in quarantine.
    pub quarantined: u64,
    /// How many of them the scanner is asked about now.
    pub queued: u64,
    /// How many are ready now.
    pub released: u64,
}

/// Why files still wait.
#[derive(Debug, thiserror::Error)]
pub enum NotRescanned {
    /// The actor may not end a quarantine.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No scanner can judge the files.
    #[error("no scanner is configured")]
    NoScanner,
    /// Files are not released without the verdict of the scanner.
    #[error("a scanner is configured")]
    HasScanner,
    /// The error of the store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks again at the files that wait for a scanner.
pub struct RescanFiles {
    store: Arc<dyn Begin<dyn FilesTx>>,
    files: Arc<dyn FileQueries>,
    has_scanner: bool,
    runtime: Runtime,
}

/// The files of one unit of work, with the ids that each of its attempts uses.
struct Batch {
    files: Vec<(FileId, JobId, [EventId; 2])>,
    now: Timestamp,
}

impl RescanFiles {
    /// Finds and changes files in this store. `has_scanner` is whether the deployment has one.
    #[must_use]
    pub fn new(
        store: Arc<dyn Begin<dyn FilesTx>>,
        files: Arc<dyn FileQueries>,
        has_scanner: bool,
        runtime: Runtime,
    ) -> Self {
        Self { store, files, has_scanner, runtime }
    }

    /// Goes through all files that wait. `report` gets what was done so far, after each batch.
    ///
    /// A file is released only if there is no scanner, and `files.file_released.v1` says so. A file that was judged or
    /// deleted meanwhile is passed over.
    ///
    /// # Errors
    /// [`NotRescanned`]. Earlier batches stay done.
    pub async fn execute(
        &self,
        actor: &Actor,
        what: Rescan,
        report: &mut (dyn FnMut(Rescanned) + Send),
    ) -> Result<Rescanned, NotRescanned> {
        permit(actor, actions::END_QUARANTINE)?;
        match (what, self.has_scanner) {
            (Rescan::Ask, false) => return Err(NotRescanned::NoScanner),
            (Rescan::Release, true) => return Err(NotRescanned::HasScanner),
            (Rescan::Ask, true) | (Rescan::Release, false) => {}
        }
        let (mut done, mut last) = (Rescanned::default(), None);
        loop {
            let found = self.files.list_quarantined_files(last, BATCH).await?;
            let count = self.batch(actor, what, &found).await?;
            done.quarantined += found.len() as u64;
            match what {
                Rescan::Ask => done.queued += count,
                Rescan::Release => done.released += count,
            }
            report(done);
            if found.len() < BATCH as usize {
                return Ok(done);
            }
            last = found.last().copied();
        }
    }

    async fn batch(&self, actor: &Actor, what: Rescan, found: &[FileId]) -> Result<u64, StoreError> {
        if found.is_empty() {
            return Ok(0);
        }
        let ids = &self.runtime.ids;
        let with_ids = |id: &FileId| (*id, JobId::new(ids.next()), [(); 2].map(|()| EventId::new(ids.next())));
        let batch = &Batch { files: found.iter().map(with_ids).collect(), now: self.runtime.clock.now() };
        let contended = &found.iter().map(|id| Key(id.uuid())).collect::<Vec<_>>();
        run(&self.runtime, actor.deadline, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, contended).await?;
            let done = match what {
                Rescan::Ask => batch.ask(&mut *unit, actor).await,
                Rescan::Release => batch.release(&mut *unit, actor, &attempt).await,
            };
            attempt.end(unit, done).await
        })
        .await
    }
}

impl Batch {
    /// The file, if it still waits.
    async fn find(unit: &mut dyn FilesTx, id: FileId) -> Result<Option<File>, StoreError> {
        Ok(unit.files().find(id).await?.filter(|file| file.state == FileState::Quarantined))
    }

    /// Stores a job for each file that has none. The job belongs to the owner of the file, as that of the upload did. After an
    /// unknown outcome, the jobs of the first attempt are found, and are not counted.
    async fn ask(&self, unit: &mut dyn FilesTx, actor: &Actor) -> Result<u64, StoreError> {
        let mut queued = 0;
        for (id, job_id, _) in &self.files {
            let Some(file) = Self::find(unit, *id).await? else { continue };
            let job = NewJob { owner_id: Some(file.owner_id), ..FileScan { file_id: *id }.job()? };
            let stored = enqueue_internal(unit.jobs(), *job_id, job, actor, self.now).await?;
            queued += u64::from(!stored.is_duplicate);
        }
        Ok(queued)
    }

    /// Makes each file ready, on record.
    async fn release(&self, unit: &mut dyn FilesTx, actor: &Actor, attempt: &Attempt) -> Result<u64, StoreError> {
        let mut released = 0;
        for (id, _, [released_id, uploaded_id]) in &self.files {
            if attempt.after_unknown && unit.outbox().settle(*released_id).await? {
                released += 1;
                continue;
            }
            let Some(mut file) = Self::find(unit, *id).await? else { continue };
            let Some(content) = file.described().filter(|_| file.release(self.now).is_ok()) else { continue };
            file.version = unit.files().save(&file).await?;
            let (version, at) = (file.version, file.updated_at);
            let event = OutboxEvent::of(*released_id, &FileReleased::of(&file), version, actor, at)?;
            unit.outbox().append(&event).await?;
            let event = OutboxEvent::of(*uploaded_id, &FileUploaded::of(&file, &content), version, actor, at)?;
            unit.outbox().append(&event).await?;
            released += 1;
        }
        Ok(released)
    }
}
