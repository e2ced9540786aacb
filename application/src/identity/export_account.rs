//! Makes the archive of an export.

use super::{AccountExport, AccountMail, AccountMailKind, UserQueries, session_tokens::millis};
use crate::{
    files::{Archive, ArchiveEnd, StoreArchive, StoreArchiveError, StoredArchive},
    jobs::{JobError, JobHandler, JobRun, Outcome},
    kernel::{Actor, BoxError, ExportUser, PageRequest, Runtime, Scope, StoreError},
};
use serde_json::json;
use skep_domain::{
    files::FileName,
    identity::AccountState,
    shared::{PageLimit, Timestamp, UserId},
};
use std::{sync::Arc, time::Duration};

/// The pause after which an archive that could not be deleted is tried again, in milliseconds.
const AGAIN: i64 = 60 * 60 * 1_000;

/// Makes the archives of accounts.
pub struct ExportAccount {
    users: Arc<dyn UserQueries>,
    sections: Vec<Arc<dyn ExportUser>>,
    archives: Arc<StoreArchive>,
    runtime: Runtime,
    lifetime: Duration,
}

/// Why an archive was not made.
#[derive(Debug, thiserror::Error)]
enum NotMade {
    /// The account is not active any more.
    #[error("the account is not active")]
    NotActive,
    /// The job was cancelled, or the worker stops.
    #[error("the job was stopped")]
    Stopped,
    #[error(transparent)]
    Archive(#[from] StoreArchiveError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ExportAccount {
    /// Finds accounts in `users`, reads the `sections` in their order, and keeps an archive for `lifetime`.
    #[must_use]
    pub fn new(
        users: Arc<dyn UserQueries>,
        sections: Vec<Arc<dyn ExportUser>>,
        archives: Arc<StoreArchive>,
        runtime: Runtime,
        lifetime: Duration,
    ) -> Self {
        Self { users, sections, archives, runtime, lifetime }
    }

    /// The names of the sections, in their order.
    pub fn sections(&self) -> impl Iterator<Item = &'static str> {
        self.sections.iter().map(|section| section.section())
    }

    /// Makes the archive. A job that has made one waits, and deletes it if no sweep has done so. Each page is a read of its own, so the archive does not show
    /// all rows as of one moment.
    ///
    /// # Errors
    /// The attempt failed, and left nothing that a caller sees.
    pub async fn execute(&self, job: &JobRun, user_id: UserId) -> Result<Outcome, JobError> {
        match StoredArchive::of(job.job()) {
            Some(archive) => {
                let until = AccountExport::waits_until(job.job(), archive.expires_at);
                let now = self.runtime.clock.now();
                Ok(if now < until { Outcome::Snooze(until) } else { self.expire(archive, now).await })
            }
            None => match self.make(job, user_id).await {
                Ok(()) => Ok(Outcome::Settled),
                Err(NotMade::NotActive) => Ok(Outcome::Complete(None)),
                Err(NotMade::Stopped) => Ok(Outcome::Stopped),
                Err(NotMade::Archive(error @ StoreArchiveError::TooLarge(_))) => Err(JobError::never(error)),
                Err(error) => Err(JobError::later(BoxError::from(error))),
            },
        }
    }

    /// The sweep deletes an archive in time, but not one of an earlier version, which has no time of its own.
    async fn expire(&self, archive: StoredArchive, now: Timestamp) -> Outcome {
        match self.archives.remove(archive.file_id).await {
            Ok(()) => Outcome::Complete(None),
            // The job is not given up, because then an archive without a time would stay.
            Err(_) => Outcome::Snooze(now.plus_millis(AGAIN)),
        }
    }

    async fn make(&self, job: &JobRun, user_id: UserId) -> Result<(), NotMade> {
        let mut actor = Actor::system(job.job().origin.request_id.clone());
        actor.traceparent.clone_from(&job.job().origin.traceparent);
        let now = self.runtime.clock.now();
        let name = format!("export-{}.json", &now.to_string()[..10]);
        let name = FileName::parse(&name).map_err(StoreError::unreadable)?;
        self.check(user_id).await?;
        // An erasure that begins after the next check finds the file, and one that began before it is seen by the check.
        let mut archive = self.archives.begin(&actor, user_id, name).await?;
        if let Err(error) = self.write(&mut archive, job, user_id, now).await {
            archive.abandon().await;
            return Err(error);
        }
        let mail = AccountMail { kind: AccountMailKind::ExportReady, user_id, id: job.id().uuid() };
        let expires_at = self.runtime.clock.now().plus_millis(millis(self.lifetime));
        let put_off_until = AccountExport::waits_until(job.job(), expires_at);
        archive.finish(&actor, ArchiveEnd { job, put_off_until, expires_at, follows: mail.job()? }).await?;
        Ok(())
    }

    async fn check(&self, user_id: UserId) -> Result<(), NotMade> {
        let user = self.users.find_user(Scope::OwnedBy(user_id), user_id).await?;
        let is_active = user.is_some_and(|user| user.state() == AccountState::Active);
        if is_active { Ok(()) } else { Err(NotMade::NotActive) }
    }

    /// Writes one JSON object. Only one page of a section is in memory at a time.
    async fn write(&self, archive: &mut Archive, job: &JobRun, user: UserId, now: Timestamp) -> Result<(), NotMade> {
        self.check(user).await?;
        archive.write(format!("{{\"exported_at\":{},\"user_id\":{}", json!(now), json!(user)).as_bytes()).await?;
        for section in &self.sections {
            archive.write(format!(",\n\"{}\":[", section.section()).as_bytes()).await?;
            let mut page = PageRequest { limit: PageLimit::MAX, after: None, count_up_to: None };
            let mut separator = "\n";
            loop {
                if job.should_stop() {
                    return Err(NotMade::Stopped);
                }
                let found = section.read(user, now, &page).await?;
                let mut text = String::new();
                for item in &found.items {
                    text.push_str(std::mem::replace(&mut separator, ",\n"));
                    text.push_str(&item.to_string());
                }
                archive.write(text.as_bytes()).await?;
                page.after = found.next;
                if page.after.is_none() {
                    break;
                }
            }
            archive.write(b"]").await?;
        }
        archive.write(b"}\n").await?;
        self.check(user).await
    }
}

/// Runs the jobs of exports.
pub struct ExportAccountHandler(Arc<ExportAccount>);

impl ExportAccountHandler {
    /// A handler that exports with this use case.
    #[must_use]
    pub const fn new(export: Arc<ExportAccount>) -> Self {
        Self(export)
    }
}

impl JobHandler for ExportAccountHandler {
    const KIND: &'static str = AccountExport::JOB_KIND;
    const ATTEMPTS: u32 = AccountExport::ATTEMPTS;
    /// Less than the time after which an upload is given up by default.
    const TIMEOUT: Duration = Duration::from_secs(60 * 60);
    type Args = AccountExport;

    async fn run(&self, job: &JobRun, export: AccountExport) -> Result<Outcome, JobError> {
        self.0.execute(job, export.user_id).await
    }
}

#[cfg(test)]
mod tests;
