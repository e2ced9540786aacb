//! Tests of making an archive, with mocks and with contents in memory.

use super::*;
use crate::{
    files::{CompleteUpload, EraseFiles, FilesTx, MockContentTypes, MockFileQueries, RemoveFiles, UploadParts},
    identity::{MockUserQueries, UserView},
    jobs::WorkerLink,
    kernel::{Commands, Page, Position, SortValue, UseCase},
    testing::*,
};
use async_trait::async_trait;
use serde_json::Value;
use skep_domain::{
    files::{File, FilePurpose, FileState, FileUsage, FileVisibility},
    identity::User,
    jobs::{Job, JobState, Progress, Retry},
    shared::LeaseToken,
};
use std::sync::Mutex;
use uuid::Uuid;

/// Three rows on two pages.
struct Rows(&'static str);

#[async_trait]
impl ExportUser for Rows {
    fn section(&self) -> &'static str {
        self.0
    }

    async fn read(&self, user: UserId, _: Timestamp, page: &PageRequest) -> Result<Page<Value>, StoreError> {
        assert_eq!(user, user_id(1));
        let next = Position { key: SortValue::Int(2), id: Uuid::nil() };
        Ok(match &page.after {
            None => Page { items: vec![json!({ "n": 1 }), json!({ "n": "\"2" })], next: Some(next), total: None },
            Some(after) if *after == next => Page { items: vec![json!({ "n": 3 })], next: None, total: None },
            Some(_) => panic!("another page"),
        })
    }
}

struct Empty;

#[async_trait]
impl ExportUser for Empty {
    fn section(&self) -> &'static str {
        "empty"
    }

    async fn read(&self, _: UserId, _: Timestamp, _: &PageRequest) -> Result<Page<Value>, StoreError> {
        Ok(Page { items: vec![], next: None, total: None })
    }
}

struct Worker {
    stops: bool,
}

impl WorkerLink for Worker {
    fn report(&self, _: Progress) {}
    fn should_stop(&self) -> bool {
        self.stops
    }
}

fn running(checkpoint: Option<String>) -> Job {
    let progress = checkpoint.map(|checkpoint| Progress { checkpoint: Some(checkpoint), ..Progress::default() });
    let mut job = Job { progress, ..job(7) };
    assert!(job.claim(LeaseToken::new(Uuid::from_u128(1)), Timestamp::MIN));
    job
}

/// The archive that is made, in the state of its row.
fn archive(state: FileState) -> File {
    let (id, name) = (skep_domain::files::FileId::new(SeqIds::nth(1)), FileName::parse("export.json").unwrap());
    let most = FilePurpose::Export.most_bytes();
    let file = File::begin(id, user_id(1), FilePurpose::Export, FileVisibility::Private, name, most, Timestamp::MIN);
    File { state, ..file }
}

fn cabinet(file: Option<File>, job: Option<Job>) -> Cabinet {
    let usage = Some(FileUsage::none(user_id(1)));
    Cabinet { files: Vec::from_iter(file), usage, job, ..Cabinet::default() }
}

struct Given {
    units: Arc<Scripted<dyn FilesTx>>,
    shelves: Shelves,
    /// The account at each look. The last one stays.
    accounts: Vec<Option<User>>,
    stops: bool,
}

impl Given {
    fn with(units: Arc<Scripted<dyn FilesTx>>) -> Self {
        Self { units, shelves: Shelves::default(), accounts: vec![Some(ada())], stops: false }
    }

    async fn run(&self, job: Job) -> Result<Outcome, Retry> {
        let (runtime, blobs) = (fixed_runtime().0, Arc::new(self.shelves.clone()));
        let commands = Commands::new(self.units.clone() as Arc<_>, fingerprints(), runtime.clone());
        let remove = Arc::new(RemoveFiles::new(self.units.clone(), blobs.clone(), runtime.clone()));
        let contents = (blobs as Arc<_>, Arc::new(MockContentTypes::new()) as Arc<_>);
        let policy = crate::files::FilePolicy::default();
        let complete = UseCase::new(CompleteUpload::default(), &commands);
        let parts = UploadParts::new(self.units.clone(), contents, complete, remove.clone(), runtime.clone(), policy);
        let erase = EraseFiles::new(Arc::new(MockFileQueries::new()), &commands, remove);
        let archives = Arc::new(StoreArchive::new(Arc::new(parts), Arc::new(erase)));
        let (mut users, left) = (MockUserQueries::new(), Mutex::new(self.accounts.clone()));
        users.expect_find_user().returning(move |scope, id| {
            let mut left = left.lock().unwrap();
            let account = if left.len() > 1 { left.remove(0) } else { left[0].clone() };
            Ok(account.as_ref().map(UserView::from).filter(|user| user.id == id && scope.admits(id)))
        });
        let sections: Vec<Arc<dyn ExportUser>> = vec![Arc::new(Rows("one")), Arc::new(Empty), Arc::new(Rows("two"))];
        let lifetime = Duration::from_secs(100);
        let export = ExportAccount::new(Arc::new(users), sections, archives, runtime, lifetime);
        let handler = ExportAccountHandler::new(Arc::new(export));
        let run = JobRun::of(job, Arc::new(Worker { stops: self.stops })).unwrap();
        handler.run(&run, AccountExport { user_id: user_id(1) }).await.map_err(|error| error.retry)
    }
}

#[tokio::test]
async fn an_archive_has_every_page_of_every_section_and_puts_the_job_off_until_it_expires() {
    let job = running(None);
    let (begun, ended) = (cabinet(None, None), cabinet(Some(archive(FileState::Uploading)), Some(job.clone())));
    let given = Given::with(Scripted::of([begun.open(), ended.open()]));
    assert_eq!(given.run(job).await, Ok(Outcome::Settled));

    let row: File = begun.seen.one("files.insert");
    assert_eq!((row.owner_id, row.purpose, row.visibility), (user_id(1), FilePurpose::Export, FileVisibility::Private));
    let [(id, content)] = &given.shelves.contents()[..] else { panic!("one content") };
    let now = fixed_runtime().0.clock.now();
    let rows = json!([{ "n": 1 }, { "n": "\"2" }, { "n": 3 }]);
    let expected = json!({ "exported_at": now, "user_id": user_id(1), "one": rows, "empty": [], "two": rows });
    assert_eq!(serde_json::from_slice::<Value>(content).unwrap(), expected);
    let file: File = ended.seen.one("files.save");
    assert_eq!((file.id, file.state, file.size), (*id, FileState::Ready, content.len() as u64));
    assert_eq!(file.ready().unwrap().media_type.as_str(), "application/json");
    let expires_at = now.plus_millis(100_000);
    assert_eq!(file.delete_at, Some(expires_at));
    let job: Job = ended.seen.one("jobs.save_many");
    let next = AccountExport::waits_until(&job, expires_at);
    assert_eq!((job.state, job.ready_at), (JobState::Scheduled, next));
    assert_eq!(StoredArchive::of(&job), Some(StoredArchive { file_id: *id, expires_at }));
    let mail: Job = ended.seen.one("jobs.insert");
    assert!(mail.args.as_str().contains(r#""kind":"export_ready""#), "{}", mail.args.as_str());
    assert_eq!(ended.seen.event().name, "files.file_uploaded.v1");
}

#[tokio::test]
async fn an_attempt_that_lost_its_job_or_whose_job_was_cancelled_leaves_nothing() {
    let other_holder = Job { lease: None, ..running(None) };
    let cancelled = Job { cancel_requested_at: Some(Timestamp::MIN), ..running(None) };
    for job in [Some(other_holder), Some(cancelled), None] {
        let (begun, ended) = (cabinet(None, None), cabinet(Some(archive(FileState::Uploading)), job));
        // A stale unit is repeated for a while, and then the upload is given up.
        let units = std::iter::once(begun.open()).chain(std::iter::repeat_with(|| ended.open()).take(2 * ENOUGH));
        let given = Given::with(Scripted::of(units));
        assert_eq!(given.run(running(None)).await, Err(Retry::Later));
        assert!(ended.seen.all::<Job>("jobs.save_many").is_empty());
        assert!(given.shelves.contents().is_empty());
    }
}

#[tokio::test]
async fn an_account_that_is_deleted_or_erased_gets_no_archive() {
    let deleted = Some(User { erase_at: Some(Timestamp::MAX), ..ada() });
    for account in [deleted.clone(), None] {
        let mut given = Given::with(Scripted::untouched());
        given.accounts = vec![account];
        assert_eq!(given.run(running(None)).await, Ok(Outcome::Complete(None)));
    }
    for looks in 1..=2 {
        let (begun, gone) = (cabinet(None, None), cabinet(Some(archive(FileState::Deleted)), None));
        let mut given = Given::with(Scripted::of([begun.open(), gone.open(), gone.open()]));
        given.accounts = vec![Some(ada()); looks];
        given.accounts.push(deleted.clone());
        assert_eq!(given.run(running(None)).await, Ok(Outcome::Complete(None)));
        assert!(given.shelves.contents().is_empty());
        assert_eq!(gone.seen.one::<File>("files.delete").purpose, FilePurpose::Export);
    }
}

#[tokio::test]
async fn a_worker_that_stops_leaves_no_archive() {
    let (begun, gone) = (cabinet(None, None), cabinet(Some(archive(FileState::Deleted)), None));
    let given = Given { stops: true, ..Given::with(Scripted::of([begun.open(), gone.open(), gone.open()])) };
    assert_eq!(given.run(running(None)).await, Ok(Outcome::Stopped));
    assert!(given.shelves.contents().is_empty());
}

#[tokio::test]
async fn a_job_with_an_archive_waits_until_that_has_expired_and_the_account_may_have_another_one() {
    let now = fixed_runtime().0.clock.now();
    let run = async |created_at: Timestamp, expires_at: Timestamp| {
        let archive = StoredArchive { file_id: archive(FileState::Ready).id, expires_at };
        let job = Job { created_at, ..running(Some(serde_json::to_string(&archive).unwrap())) };
        let gone = cabinet(None, None);
        Given::with(Scripted::of([gone.open(), gone.open()])).run(job).await.unwrap()
    };
    let day = 24 * 60 * 60 * 1_000;
    let long_ago = now.plus_millis(-day);
    assert_eq!(run(long_ago, now.plus_millis(1)).await, Outcome::Snooze(now.plus_millis(1)));
    assert_eq!(run(long_ago, now).await, Outcome::Complete(None));
    let today = now.plus_millis(1 - day);
    assert_eq!(run(today, now).await, Outcome::Snooze(now.plus_millis(1)), "its archive lived for less than a day");
}

#[tokio::test]
async fn a_job_deletes_the_archive_of_an_earlier_version_when_it_has_expired() {
    let now = fixed_runtime().0.clock.now();
    let made = || {
        let archive = StoredArchive { file_id: archive(FileState::Ready).id, expires_at: now };
        let long_ago = now.plus_millis(-48 * 60 * 60 * 1_000);
        Job { created_at: long_ago, ..running(Some(serde_json::to_string(&archive).unwrap())) }
    };
    let (ready, deleted) =
        (cabinet(Some(archive(FileState::Ready)), None), cabinet(Some(archive(FileState::Deleted)), None));
    let given = Given::with(Scripted::of([ready.open(), deleted.open(), deleted.open()]));
    given.shelves.put(archive(FileState::Ready).id, b"{}");
    assert_eq!(given.run(made()).await, Ok(Outcome::Complete(None)));
    assert!(given.shelves.contents().is_empty());
    assert_eq!(deleted.seen.calls().last(), Some(&"files.delete"));

    let given = Given::with(Scripted::of([ready.open(), deleted.open()]));
    given.shelves.go_away();
    assert_eq!(given.run(made()).await, Ok(Outcome::Snooze(now.plus_millis(AGAIN))));
}
