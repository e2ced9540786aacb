//! Tests of the requests for exports, with mocks only.

use super::*;
use crate::{files::MockFileQueries, jobs::MockJobQueries, kernel::AppError as _, testing::*};
use skep_domain::jobs::Progress;

fn now() -> Timestamp {
    fixed_runtime().0.clock.now()
}

/// The job of an export that user 1 asked for so long ago. Its archive is file 1, if it is made.
fn export(state: JobState, is_made: bool, ago: Duration) -> Job {
    let new = AccountExport { user_id: user_id(1) }.job().unwrap();
    let archive = StoredArchive { file_id: file(1).id, expires_at: now() };
    let checkpoint = is_made.then(|| serde_json::to_string(&archive).unwrap());
    let progress = Some(Progress { checkpoint, ..Progress::default() });
    let (created_at, kind, owner_id) = (now().plus_millis(-millis(ago)), new.kind, new.owner_id);
    Job { state, progress, created_at, kind, owner_id, unique: new.unique, ..job(7) }
}

fn cabinet(job: Option<Job>, file_state: FileState) -> Cabinet {
    Cabinet { files: vec![File { state: file_state, ..file(1) }], job, ..Cabinet::default() }
}

async fn request(cabinet: &Cabinet, actor: &Actor) -> Result<ExportView, RequestExportError> {
    RequestExport::new(Scripted::of([cabinet.open()]), fixed_runtime().0).execute(actor).await
}

#[tokio::test]
async fn the_first_request_stores_a_job_that_only_one_export_of_the_account_has() {
    let cabinet = Cabinet::default();
    let view = request(&cabinet, &user(1)).await.unwrap();
    let job: Job = cabinet.seen.one("jobs.insert");
    assert_eq!(view, ExportView { id: job.id, state: ExportState::Pending, created_at: now(), archive: None });
    assert_eq!((job.kind.as_str(), job.owner_id), ("identity.export_account", Some(user_id(1))));
    assert_eq!(job.args.as_str(), format!(r#"{{"user_id":"{}"}}"#, user_id(1)));
    let key = format!("identity.export_account:{}", user_id(1));
    assert_eq!(job.held_key().map(|key| key.as_str().to_owned()), Some(key));
    assert_eq!(cabinet.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn an_account_has_one_export_that_is_pending_or_ready() {
    let long_ago = INTERVAL * 5;
    for (job, file_state, state) in [
        (export(JobState::Running, false, long_ago), FileState::Ready, ExportState::Pending),
        (export(JobState::Retryable, false, long_ago), FileState::Ready, ExportState::Pending),
        (export(JobState::Scheduled, true, long_ago), FileState::Ready, ExportState::Ready),
    ] {
        let cabinet = cabinet(Some(job.clone()), file_state);
        let view = request(&cabinet, &user(1)).await.unwrap();
        assert_eq!((view.id, view.state), (job.id, state));
        assert_eq!(view.archive.is_some(), state == ExportState::Ready);
        assert!(cabinet.seen.all::<Job>("jobs.insert").is_empty());
    }
}

#[tokio::test]
async fn after_an_archive_was_deleted_another_export_waits_for_a_day_after_the_first_one() {
    let an_hour = Duration::from_secs(3_600);
    let early = cabinet(Some(export(JobState::Scheduled, true, INTERVAL - an_hour)), FileState::Deleted);
    let refused = request(&early, &user(1)).await.unwrap_err();
    assert_eq!((refused.code(), refused.retry_after()), ("rate_limited", Some(an_hour)));
    assert!(early.seen.all::<Job>("jobs.insert").is_empty());

    let old = export(JobState::Scheduled, true, INTERVAL);
    let late = cabinet(Some(old.clone()), FileState::Deleted);
    let view = request(&late, &user(1)).await.unwrap();
    let (ended, begun): (Job, Job) = (late.seen.one("jobs.save_many"), late.seen.one("jobs.insert"));
    assert_eq!((ended.id, ended.state), (old.id, JobState::Cancelled));
    assert_eq!((begun.id, view.state), (view.id, ExportState::Pending));
    assert_ne!(view.id, old.id);
}

#[tokio::test]
async fn an_export_needs_an_account() {
    for actor in [Actor::anonymous("r"), Actor::system("r")] {
        let refused = request(&Cabinet::default(), &actor).await.unwrap_err();
        assert!(matches!(refused, RequestExportError::Denied(_)), "{refused}");
    }
}

async fn shown(actor: &Actor, job: Job, file_state: FileState) -> Result<ExportView, GetError> {
    let (mut jobs, mut files) = (MockJobQueries::new(), MockFileQueries::new());
    let id = job.id;
    jobs.expect_find_job().returning(move |id| Ok(Some(job.clone()).filter(|job| job.id == id)));
    files.expect_find_file().returning(move |_| Ok(Some(File { state: file_state, ..file(1) })));
    GetExport::new(Arc::new(jobs), Arc::new(files)).execute(actor, id).await
}

#[tokio::test]
async fn the_state_follows_from_the_job_and_its_file() {
    for (job_state, is_made, file_state, state) in [
        (JobState::Available, false, FileState::Ready, ExportState::Pending),
        (JobState::Running, false, FileState::Ready, ExportState::Pending),
        (JobState::Discarded, false, FileState::Ready, ExportState::Failed),
        (JobState::Cancelled, false, FileState::Ready, ExportState::Failed),
        (JobState::Scheduled, true, FileState::Ready, ExportState::Ready),
        (JobState::Running, true, FileState::Ready, ExportState::Ready),
        (JobState::Scheduled, true, FileState::Deleted, ExportState::Gone),
        (JobState::Completed, true, FileState::Deleted, ExportState::Gone),
        (JobState::Completed, false, FileState::Deleted, ExportState::Gone),
    ] {
        let view = shown(&user(1), export(job_state, is_made, Duration::ZERO), file_state).await.unwrap();
        assert_eq!(view.state, state, "{job_state:?}");
        assert_eq!(view.archive.map(|archive| archive.file_id), (state == ExportState::Ready).then_some(file(1).id));
    }
}

#[tokio::test]
async fn the_export_of_another_user_and_another_job_are_not_found() {
    let export = || export(JobState::Available, false, Duration::ZERO);
    let other_job = Job { kind: job(7).kind, ..export() };
    for (actor, job) in [(user(2), export()), (admin(), export()), (user(1), other_job)] {
        let refused = shown(&actor, job, FileState::Ready).await.unwrap_err();
        assert!(matches!(refused, GetError::NotFound(_)), "{refused}");
    }
}
