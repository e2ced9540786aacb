//! Tests of files that a scanner judges, with mocks and with contents in memory.

use super::{
    file_tests::{complete, completing, removal, removing, sweep, text, with},
    *,
};
use crate::{
    jobs::{JobPolicy, JobRun, WorkerLink},
    kernel::{AppError as _, OutboxEvent, StoreError},
    testing::*,
};
use async_trait::async_trait;
use serde_json::json;
use skep_domain::{
    files::{Checksum, File, FileState, FileVisibility, INFECTED_KEPT_MILLIS, ThreatName, Verdict},
    jobs::{Job, JobState, Progress},
    shared::{LeaseToken, Timestamp},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use uuid::Uuid;

struct Worker;

impl WorkerLink for Worker {
    fn report(&self, _: Progress) {}
    fn should_stop(&self) -> bool {
        false
    }
}

/// The job about file 1, which a worker holds.
fn running() -> Job {
    let new = FileScan { file_id: file_id(1) }.job().unwrap();
    let mut job = Job { kind: new.kind, args: new.args, max_attempts: new.max_attempts, ..job(7) };
    assert!(job.claim(LeaseToken::new(Uuid::from_u128(1)), Timestamp::MIN));
    job
}

fn run_of(job: &Job) -> JobRun {
    JobRun::of(job.clone(), Arc::new(Worker)).unwrap()
}

/// A cabinet with a file in this state and the job about it.
fn judged_as(state: FileState) -> Cabinet {
    let mut cabinet = Cabinet { job: Some(running()), ..with(state) };
    let (media_type, _) = cabinet.files[0].content.clone().unwrap();
    cabinet.files[0].content = Some((media_type, Shelves::checksum(b"honey")));
    cabinet
}

/// A scanner that reads contents, and has these answers.
struct Answers {
    left: Mutex<Vec<Result<Verdict, ScanError>>>,
    read: Mutex<Vec<Vec<u8>>>,
}

impl Answers {
    fn of(answers: Vec<Result<Verdict, ScanError>>) -> Arc<Self> {
        Arc::new(Self { left: Mutex::new(answers), read: Mutex::default() })
    }
}

#[async_trait]
impl Scanner for Answers {
    async fn scan(&self, mut content: Box<dyn BlobReader>) -> Result<Verdict, ScanError> {
        let mut all = vec![];
        while let Some(piece) = content.read().await? {
            all.extend_from_slice(&piece);
        }
        self.read.lock().unwrap().push(all);
        self.left.lock().unwrap().remove(0)
    }

    async fn check(&self) -> Result<(), ScanError> {
        Ok(())
    }
}

fn eicar() -> Verdict {
    Verdict::Infected(ThreatName::of("Eicar-Test-Signature"))
}

/// The use case over these units. A look outside of units finds the file in these states, one after the other.
fn scanning(
    units: Vec<MockFilesTx>,
    looks: Vec<Option<File>>,
    shelves: &Shelves,
    scanner: Option<Arc<dyn Scanner>>,
) -> ScanFile {
    let (mut queries, looks) = (MockFileQueries::new(), Mutex::new(looks));
    queries.expect_find_file().returning(move |_| Ok(looks.lock().unwrap().remove(0)));
    let stores = (Scripted::of(units) as Arc<_>, Arc::new(queries) as Arc<_>);
    ScanFile::new(stores, Arc::new(shelves.clone()), scanner, fixed_runtime().0)
}

fn shelves() -> Shelves {
    let shelves = Shelves::default();
    shelves.put(file_id(1), b"honey");
    shelves
}

fn looks(cabinet: &Cabinet) -> Vec<Option<File>> {
    cabinet.files.iter().cloned().map(Some).collect()
}

fn scanned() -> CompleteUpload {
    CompleteUpload { scans: Some(JobPolicy::default()) }
}

#[tokio::test]
async fn with_a_scanner_an_upload_is_quarantined_with_its_job_and_one_event() {
    let (shelves, begun) = (Shelves::default(), Cabinet::default());
    let units = Scripted::of([begun.open()]);
    let probe = completing(scanned(), &units, &shelves, "text/plain", FilePolicy::default());
    drop(probe.begin(&user(1), text(Some(5))).await.ok().unwrap());
    let row: File = begun.seen.one("files.insert");
    let cabinet = Cabinet { files: vec![row], ..with(FileState::Uploading) };
    let units = Scripted::of([Cabinet::default().open(), cabinet.open()]);
    let upload = completing(scanned(), &units, &shelves, "text/plain", FilePolicy::default());
    let mut upload = upload.begin(&user(1), text(Some(5))).await.ok().unwrap();
    upload.write(b"honey").await.unwrap();
    let file = upload.finish(&user(1), Some(&key())).await.unwrap();
    assert_eq!((file.state, shelves.contents().len()), (FileState::Quarantined, 1));
    let saved: File = cabinet.seen.one("files.save");
    assert_eq!((saved.state, saved.ready(), saved.size), (FileState::Quarantined, None, 5));
    let job: Job = cabinet.seen.one("jobs.insert");
    assert_eq!((job.kind.as_str(), job.queue.as_str(), job.owner_id), (FileScan::JOB_KIND, "scans", Some(user_id(1))));
    assert_eq!(job.args.as_str(), json!({ "file_id": file.id }).to_string());
    assert_eq!(cabinet.seen.event().name, "files.file_quarantined.v1");
    assert_eq!(cabinet.seen.endings(), [Ending::Committed], "one unit has all of it");
}

#[tokio::test]
async fn an_upload_that_is_quarantined_obeys_the_frame() {
    obeys_the_frame(&with(FileState::Uploading), scanned, &user(1), complete).await;
}

#[tokio::test]
async fn no_more_files_of_a_user_wait_for_the_scanner_than_the_policy_allows() {
    let shelves = Shelves::default();
    let most = u64::from(JobPolicy::default().waiting_per_user);
    for (waiting, expected) in [(most - 1, "ok"), (most, "too_many_waiting_jobs")] {
        let begun = Cabinet::default();
        let probe = completing(scanned(), &Scripted::of([begun.open()]), &shelves, "text/plain", FilePolicy::default());
        drop(probe.begin(&user(1), text(Some(5))).await.ok().unwrap());
        let row: File = begun.seen.one("files.insert");
        let cabinet = Cabinet { files: vec![row], waiting, ..with(FileState::Uploading) };
        let units = [Cabinet::default().open(), cabinet.open()].into_iter().chain(removal(&cabinet));
        let uploads = completing(scanned(), &Scripted::of(units), &shelves, "text/plain", FilePolicy::default());
        let mut upload = uploads.begin(&user(1), text(Some(5))).await.ok().unwrap();
        upload.write(b"honey").await.unwrap();
        assert_eq!(code(&upload.finish(&user(1), None).await), expected);
        let is_stored = expected == "ok";
        assert_eq!(shelves.contents().len(), usize::from(is_stored), "what is refused leaves nothing");
        assert_eq!(cabinet.seen.all::<File>("files.delete").len(), usize::from(!is_stored));
        shelves.contents().iter().for_each(|(id, _)| shelves.remove(*id));
    }
}

#[tokio::test]
async fn a_clean_file_is_ready_in_the_unit_that_completes_the_job() {
    let (cabinet, shelves) = (judged_as(FileState::Quarantined), shelves());
    let scanner = Answers::of(vec![Ok(Verdict::Clean)]);
    let scan = scanning(vec![cabinet.open()], looks(&cabinet), &shelves, Some(scanner.clone()));
    assert_eq!(scan.execute(&run_of(&running()), file_id(1)).await.unwrap(), Scanned::Clean);
    assert_eq!(*scanner.read.lock().unwrap(), [b"honey".to_vec()], "the whole content");
    let file: File = cabinet.seen.one("files.save");
    assert!(file.ready().is_some() && file.delete_at.is_none());
    assert_eq!(cabinet.seen.one::<Job>("jobs.save_many").state, JobState::Completed);
    assert_eq!(cabinet.seen.event().name, "files.file_uploaded.v1");
    assert_eq!((cabinet.seen.endings(), shelves.contents().len()), (vec![Ending::Committed], 1));
}

#[tokio::test]
async fn an_infected_file_loses_its_content_after_its_verdict_is_stored() {
    let (cabinet, shelves) = (judged_as(FileState::Quarantined), shelves());
    let scan = scanning(vec![cabinet.open()], looks(&cabinet), &shelves, Some(Answers::of(vec![Ok(eicar())])));
    let Verdict::Infected(threat) = eicar() else { unreachable!() };
    assert_eq!(scan.execute(&run_of(&running()), file_id(1)).await.unwrap(), Scanned::Infected(threat));
    let (file, job): (File, Job) = (cabinet.seen.one("files.save"), cabinet.seen.one("jobs.save_many"));
    let now = fixed_runtime().0.clock.now();
    assert_eq!((file.state, file.delete_at), (FileState::Infected, Some(now.plus_millis(INFECTED_KEPT_MILLIS))));
    assert_eq!((job.state, job.lease, job.attempt), (JobState::Available, None, 0), "it runs once more");
    assert_eq!(cabinet.seen.event().name, "files.file_infected.v1");
    let payload = json!({
        "file_id": file_id(1), "owner_id": user_id(1), "purpose": "attachment", "threat": "Eicar-Test-Signature",
        "sha256": Shelves::checksum(b"honey"),
    });
    assert_eq!(cabinet.seen.payload(), payload);

    let infected = judged_as(FileState::Infected);
    let scan = scanning(vec![], looks(&infected), &shelves, None);
    shelves.go_away();
    let failed = scan.execute(&run_of(&running()), file_id(1)).await.unwrap_err();
    assert!(matches!(failed, NotScanned::Store(StoreError::Unavailable(_))) && shelves.contents().len() == 1);
    let shelves = self::shelves();
    let scan = scanning(vec![], looks(&infected), &shelves, None);
    assert_eq!(scan.execute(&run_of(&running()), file_id(1)).await.unwrap(), Scanned::ContentDeleted);
    assert_eq!(shelves.contents(), []);
}

#[tokio::test]
async fn without_a_verdict_nothing_is_stored() {
    let faults: Vec<fn() -> ScanError> = vec![
        || ScanError::away("no answer"),
        || ScanError::NoAnswer("too late".into()),
        || ScanError::TooLarge,
        || ScanError::Failed("no memory".to_owned()),
        || ScanError::Store(away()),
    ];
    for fault in faults {
        let (cabinet, shelves) = (judged_as(FileState::Quarantined), shelves());
        let scan = scanning(vec![], looks(&cabinet), &shelves, Some(Answers::of(vec![Err(fault())])));
        let failed = scan.execute(&run_of(&running()), file_id(1)).await.unwrap_err();
        assert_eq!(failed.to_string(), fault().to_string());
        assert_eq!(shelves.contents().len(), 1);
    }
    let cabinet = judged_as(FileState::Quarantined);
    let scan = scanning(vec![], looks(&cabinet), &shelves(), None);
    let failed = scan.execute(&run_of(&running()), file_id(1)).await.unwrap_err();
    assert!(matches!(failed, NotScanned::NoScanner));
}

#[tokio::test]
async fn a_missing_or_damaged_content_gets_no_verdict() {
    let cabinet = judged_as(FileState::Quarantined);
    let both = [looks(&cabinet), looks(&cabinet)].concat();
    let scan = scanning(vec![], both, &Shelves::default(), Some(Answers::of(vec![])));
    let failed = scan.execute(&run_of(&running()), file_id(1)).await.unwrap_err();
    assert!(matches!(failed, NotScanned::Missing));

    let damaged = Shelves::default();
    damaged.put(file_id(1), b"wax");
    let scan = scanning(vec![], looks(&cabinet), &damaged, Some(Answers::of(vec![Ok(Verdict::Clean)])));
    let failed = scan.execute(&run_of(&running()), file_id(1)).await.unwrap_err();
    assert!(matches!(failed, NotScanned::Scan(ScanError::Store(StoreError::Corrupt(_)))));
}

#[tokio::test]
async fn a_file_that_is_deleted_or_judged_meanwhile_stays_as_it_is() {
    for state in [FileState::Uploading, FileState::Ready, FileState::Deleted] {
        let scan = scanning(vec![], looks(&judged_as(state)), &shelves(), Some(Answers::of(vec![])));
        assert_eq!(scan.execute(&run_of(&running()), file_id(1)).await.unwrap(), Scanned::NotQuarantined, "{state:?}");
    }
    let scan = scanning(vec![], vec![None], &shelves(), Some(Answers::of(vec![])));
    assert_eq!(scan.execute(&run_of(&running()), file_id(1)).await.unwrap(), Scanned::NotQuarantined);
    // It is deleted between the look and the content.
    let before = looks(&judged_as(FileState::Quarantined)).remove(0);
    let gone = looks(&judged_as(FileState::Deleted)).remove(0);
    let scan = scanning(vec![], vec![before, gone], &Shelves::default(), Some(Answers::of(vec![])));
    assert_eq!(scan.execute(&run_of(&running()), file_id(1)).await.unwrap(), Scanned::NotQuarantined);
    // It is deleted while the scanner reads.
    for verdict in [Verdict::Clean, eicar()] {
        let (before, deleted) = (judged_as(FileState::Quarantined), judged_as(FileState::Deleted));
        let scanner = Answers::of(vec![Ok(verdict)]);
        let scan = scanning(vec![deleted.looking()], looks(&before), &shelves(), Some(scanner));
        assert_eq!(scan.execute(&run_of(&running()), file_id(1)).await.unwrap(), Scanned::NotQuarantined);
    }
}

#[tokio::test]
async fn a_verdict_counts_only_for_the_content_that_was_scanned() {
    for verdict in [Verdict::Clean, eicar()] {
        let (before, mut other) = (judged_as(FileState::Quarantined), judged_as(FileState::Quarantined));
        other.files[0].content.as_mut().unwrap().1 = Checksum::new([9; 32]);
        let scanner = Answers::of(vec![Ok(verdict)]);
        let scan = scanning(vec![other.looking()], looks(&before), &shelves(), Some(scanner));
        assert_eq!(scan.execute(&run_of(&running()), file_id(1)).await.unwrap(), Scanned::NotQuarantined);
    }
}

#[tokio::test]
async fn a_worker_that_lost_the_job_stores_no_verdict() {
    for verdict in [Verdict::Clean, eicar()] {
        let other_holder = Cabinet { job: Some(Job { lease: None, ..running() }), ..judged_as(FileState::Quarantined) };
        // A stale unit is repeated for a while.
        let units = std::iter::repeat_with(|| other_holder.open()).take(2 * ENOUGH).collect();
        let looks = looks(&other_holder);
        let scan = scanning(units, looks, &shelves(), Some(Answers::of(vec![Ok(verdict)])));
        let failed = scan.execute(&run_of(&running()), file_id(1)).await.unwrap_err();
        let NotScanned::Store(error) = failed else { panic!("{failed}") };
        assert_eq!(error.code(), "store_unavailable");
        assert!(!other_holder.seen.endings().contains(&Ending::Committed));
    }
}

#[tokio::test]
async fn a_verdict_with_an_unknown_outcome_is_settled_before_it_is_stored_again() {
    for was_stored in [true, false] {
        let (first, second) = (judged_as(FileState::Quarantined), judged_as(FileState::Quarantined));
        let mut unit = if was_stored { second.looking() } else { second.open() };
        unit.outbox.expect_settle().times(1).returning(move |_| Ok(was_stored));
        let units = vec![first.failing(unknown()), unit];
        let scan = scanning(units, looks(&first), &shelves(), Some(Answers::of(vec![Ok(Verdict::Clean)])));
        assert_eq!(scan.execute(&run_of(&running()), file_id(1)).await.unwrap(), Scanned::Clean);
        assert_eq!(second.seen.all::<File>("files.save").len(), usize::from(!was_stored));
    }
}

fn found(file: &File) -> Arc<MockFileQueries> {
    let (mut queries, file) = (MockFileQueries::new(), file.clone());
    queries.expect_find_file().returning(move |_| Ok(Some(file.clone())));
    Arc::new(queries)
}

#[tokio::test]
async fn only_the_owner_and_admins_see_a_file_that_is_not_ready() {
    for state in [FileState::Quarantined, FileState::Infected] {
        for visibility in [FileVisibility::Private, FileVisibility::Public] {
            let file = File { state, visibility, ..file(1) };
            for (actor, seen) in [(visitor(), "not_found"), (user(2), "not_found"), (user(1), "ok"), (admin(), "ok")] {
                let got = GetFile::new(found(&file)).execute(&actor, file_id(1)).await;
                assert_eq!(code(&got), seen, "{state:?} {visibility:?}");
                assert!(got.is_err() || got.unwrap().state == state);
            }
        }
    }
}

#[tokio::test]
async fn no_caller_gets_the_content_of_a_file_that_is_not_ready_or_a_link_to_it() {
    for (state, refused) in [(FileState::Quarantined, "file_quarantined"), (FileState::Infected, "file_infected")] {
        let file = File { state, visibility: FileVisibility::Public, ..file(1) };
        for (actor, expected) in
            [(visitor(), "not_found"), (user(2), "not_found"), (user(1), refused), (admin(), refused)]
        {
            let read_file = link_tests::reader(found(&file), vec![], fixed_runtime().0.clock);
            assert_eq!(code(&read_file.find(&actor, file_id(1)).await), expected);
            let signed = link_tests::sign(Some(file.clone()), &actor, None).await;
            let expected = if actor.user_id().is_none() { "unauthenticated" } else { expected };
            assert_eq!(code(&signed), expected);
        }
        // A link that was made before, for example before the store was restored, says nothing.
        let link = link_tests::link(60).await;
        assert_eq!(code(&link_tests::read(Some(file), file_id(1), &link, 0).await), "not_found");
    }
}

#[test]
fn an_answer_that_an_earlier_version_has_kept_is_about_a_ready_file() {
    let view = FileView::of(&file(1)).unwrap();
    let mut kept = serde_json::to_value(&view).unwrap();
    assert_eq!(kept.as_object_mut().unwrap().remove("state"), Some(json!("ready")));
    assert_eq!(serde_json::from_value::<FileView>(kept).unwrap(), view);
}

#[tokio::test]
async fn a_file_that_waits_or_is_infected_can_be_deleted_with_its_content() {
    for state in [FileState::Quarantined, FileState::Infected] {
        let (there, deleted, shelves) = (with(state), with(FileState::Deleted), shelves());
        let store = Scripted::of([there.open(), deleted.looking(), deleted.open()]);
        let commands = crate::kernel::Commands::new(store.clone() as Arc<_>, fingerprints(), fixed_runtime().0);
        let delete_file = DeleteFile::new(&commands, removing(&store, &shelves));
        let command = DeleteFileCommand { file_id: file_id(1), precondition: crate::kernel::Precondition::Missing };
        delete_file.execute_once(&user(1), None, command).await.unwrap();
        assert_eq!((there.seen.event().name.as_str(), shelves.contents()), ("files.file_deleted.v1", vec![]));
    }
}

#[tokio::test]
async fn a_sweep_removes_an_infected_file_whose_time_is_over_and_no_other_one() {
    let now = fixed_runtime().0.clock.now();
    for (state, delete_at, removed) in [
        (FileState::Infected, Some(now), 1),
        (FileState::Infected, Some(now.plus_millis(1)), 0),
        (FileState::Quarantined, Some(now), 0),
    ] {
        let mut cabinet = with(state);
        cabinet.files[0].delete_at = delete_at;
        let (deleted, shelves) = (with(FileState::Deleted), shelves());
        let mut queries = MockFileQueries::new();
        queries.expect_list_removable_files().times(1).returning(|_, _, _, _| Ok(vec![file_id(1)]));
        let store = Scripted::of([cabinet.open(), deleted.open()]);
        let files = SweepFiles::new(Arc::new(queries), removing(&store, &shelves), Duration::ZERO);
        assert_eq!(sweep(&files).await, (removed, "ok"), "{state:?}");
        assert_eq!(cabinet.seen.all::<File>("files.save").len() as u64, removed);
        let events: Vec<OutboxEvent> = cabinet.seen.all("outbox.append");
        assert_eq!(events.len() as u64, removed, "subscribers learn of it");
        assert!(events.iter().all(|event| event.name == "files.file_deleted.v1"));
        assert_eq!(shelves.contents().len() as u64, 1 - removed);
    }
}
