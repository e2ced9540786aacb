//! The export of the data of an account, as its user asks for it and follows it.
//!
//! An account has one export at a time. It is a job that makes the archive, and then waits until the next export may begin. So
//! the job has the state, and its unique key keeps other exports of the account away.

use super::session_tokens::millis;
use crate::{
    files::{FileQueries, FilesTx, StoredArchive},
    jobs::{JobQueries, enqueue_internal},
    kernel::{
        Actor, Begin, Denied, GetError, Key, NotFound, Reader, Runtime, StoreError, TooManyAttempts, TxMode, account,
        permit, run, use_case_error,
    },
};
use skep_domain::{
    files::{File, FileId, FileState},
    identity::actions::EXPORT_ACCOUNT,
    jobs::{Job, JobArgs, JobId, JobKind, JobState, JobStates, NewJob, QueueName, UniqueKey, Uniqueness},
    shared::{Timestamp, UserId, named},
};
use std::{sync::Arc, time::Duration};

/// The least time between two exports of an account.
const INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

named! {
    /// How far an export is, as its user sees it.
    ExportState {
        /// The archive is being made.
        Pending = "pending",
        /// The archive can be downloaded.
        Ready = "ready",
        /// The archive could not be made. The user can ask for another one at once.
        Failed = "failed",
        /// The archive has expired, or was deleted.
        Gone = "gone",
    }
}

/// The arguments of the job that makes an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AccountExport {
    /// The account.
    pub user_id: UserId,
}

impl AccountExport {
    /// The kind of these jobs.
    pub const JOB_KIND: &'static str = "identity.export_account";
    /// How often an archive is tried.
    pub const ATTEMPTS: u32 = Job::ATTEMPTS;

    /// The time until which the job waits that has made an archive: until that has expired, and the account may have
    /// another export.
    pub(super) fn waits_until(job: &Job, archive_expires_at: Timestamp) -> Timestamp {
        archive_expires_at.not_before(Self::next_after(job))
    }

    /// The time from which on the account may have another export than that of this job.
    fn next_after(job: &Job) -> Timestamp {
        job.created_at.plus_millis(millis(INTERVAL))
    }

    fn job(self) -> Result<NewJob, StoreError> {
        let args = serde_json::to_string(&self).map_err(StoreError::unreadable)?;
        let args = JobArgs::parse(args).map_err(StoreError::unreadable)?;
        let key = format!("{}:{}", Self::JOB_KIND, self.user_id);
        let key = UniqueKey::parse(&key).map_err(StoreError::unreadable)?;
        let kind = JobKind::stored(Self::JOB_KIND.to_owned());
        Ok(NewJob {
            unique: Some(Uniqueness { key, states: JobStates::UNFINISHED }),
            owner_id: Some(self.user_id),
            max_attempts: Self::ATTEMPTS,
            queue: QueueName::exports(),
            ..NewJob::of(kind, args)
        })
    }
}

/// An export, as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportView {
    /// The id of the export.
    pub id: JobId,
    /// How far it is.
    pub state: ExportState,
    /// When the user asked for it.
    pub created_at: Timestamp,
    /// The archive. `None` unless it is ready.
    pub archive: Option<StoredArchive>,
}

impl ExportView {
    /// The export of this job. `file` is the archive that the job has made.
    fn of(job: &Job, file: Option<&File>) -> Self {
        let archive = StoredArchive::of(job);
        let is_there = file.is_some_and(|file| file.state == FileState::Ready);
        let state = match (archive, job.state) {
            (Some(_), _) if is_there => ExportState::Ready,
            (Some(_), _) | (None, JobState::Completed) => ExportState::Gone,
            (None, JobState::Discarded | JobState::Cancelled) => ExportState::Failed,
            (None, _) => ExportState::Pending,
        };
        let archive = archive.filter(|_| state == ExportState::Ready);
        Self { id: job.id, state, created_at: job.created_at, archive }
    }
}

use_case_error! {
    /// The reason why no export was begun.
    RequestExportError {
        Denied(Denied),
        TooSoon(TooManyAttempts),
    }
}

/// Begins an export of the data of the actor's account.
///
/// No password is needed: the archive shows nothing that the session could not read page by page, and only a session of the
/// account can read it.
pub struct RequestExport {
    store: Arc<dyn Begin<dyn FilesTx>>,
    runtime: Runtime,
}

impl RequestExport {
    /// Stores the job in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn FilesTx>>, runtime: Runtime) -> Self {
        Self { store, runtime }
    }

    /// Stores the job of an export. If the account has an export that is pending or ready, returns that one. After its archive
    /// was deleted, another one can begin 24 hours after it.
    ///
    /// # Errors
    /// [`RequestExportError`].
    pub async fn execute(&self, actor: &Actor) -> Result<ExportView, RequestExportError> {
        permit(actor, EXPORT_ACCOUNT)?;
        let user_id = account(actor, EXPORT_ACCOUNT)?;
        let (id, now) = (JobId::new(self.runtime.ids.next()), self.runtime.clock.now());
        let new = &AccountExport { user_id }.job()?;
        // It has the same result when it is done twice: the second attempt finds the job of the first one.
        run(&self.runtime, actor.deadline, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[Key(user_id.uuid())]).await?;
            let stored = store(&mut *unit, actor, id, new, now).await;
            attempt.end(unit, stored).await
        })
        .await
    }
}

async fn store(
    unit: &mut dyn FilesTx,
    actor: &Actor,
    id: JobId,
    new: &NewJob,
    now: Timestamp,
) -> Result<ExportView, RequestExportError> {
    let pending = ExportView { id, state: ExportState::Pending, created_at: now, archive: None };
    // The unique key lets one job of the account wait, so the limit of waiting jobs is not needed.
    let stored = enqueue_internal(unit.jobs(), id, new.clone(), actor, now).await?;
    if !stored.is_duplicate {
        return Ok(pending);
    }
    // It may have ended meanwhile. The next attempt then stores another one.
    let mut other = unit.jobs().find(stored.id).await?.ok_or(StoreError::Stale)?;
    let file = match StoredArchive::of(&other) {
        Some(archive) => unit.files().find(archive.file_id).await?,
        None => None,
    };
    let view = ExportView::of(&other, file.as_ref());
    if view.state != ExportState::Gone {
        return Ok(view);
    }
    let next = AccountExport::next_after(&other);
    if now < next {
        let left = next.as_millis().saturating_sub(now.as_millis());
        let retry_after = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        return Err(TooManyAttempts { retry_after }.into());
    }
    // It only waits for an archive that is not there.
    other.cancel(now).map_err(|_| StoreError::Stale)?;
    unit.jobs().save_many(&[other]).await?;
    let stored = enqueue_internal(unit.jobs(), id, new.clone(), actor, now).await?;
    if stored.is_duplicate { Err(StoreError::Stale.into()) } else { Ok(pending) }
}

/// Shows an export of the actor's account.
pub struct GetExport {
    jobs: Reader<dyn JobQueries>,
    files: Arc<dyn FileQueries>,
}

impl GetExport {
    /// Reads from these stores.
    #[must_use]
    pub fn new(jobs: Arc<dyn JobQueries>, files: Arc<dyn FileQueries>) -> Self {
        Self { jobs: Reader::new(EXPORT_ACCOUNT, jobs), files }
    }

    /// Reads the export with this id. One of another account counts as not found, and so does one that ended some time ago.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor, id: JobId) -> Result<ExportView, GetError> {
        let jobs = self.jobs.open(actor)?;
        let owner = account(actor, EXPORT_ACCOUNT)?;
        let is_own = |job: &Job| job.owner_id == Some(owner) && job.kind.as_str() == AccountExport::JOB_KIND;
        let job = jobs.find_job(id).await?.filter(is_own).ok_or(NotFound("export"))?;
        let file_id: Option<FileId> = StoredArchive::of(&job).map(|archive| archive.file_id);
        let file = match file_id {
            Some(file_id) => self.files.find_file(file_id).await?,
            None => None,
        };
        Ok(ExportView::of(&job, file.as_ref()))
    }
}

#[cfg(test)]
mod tests;
