//! Tests of looking again at the files that wait for a scanner, with mocks.

use super::{file_tests::with, *};
use crate::{
    kernel::{Actor, StoreError},
    testing::*,
};
use skep_domain::{
    files::{File, FileId, FileState},
    jobs::{Job, JobState},
};
use std::sync::Arc;

/// The use case over these units, which finds these pages of files one after the other.
fn rescanning(units: Vec<MockFilesTx>, pages: Vec<Vec<FileId>>, has_scanner: bool) -> RescanFiles {
    let (mut queries, mut pages) = (MockFileQueries::new(), pages.into_iter());
    let mut expected = None;
    queries.expect_list_quarantined_files().returning(move |after, limit| {
        assert_eq!((after, limit), (expected, 100));
        let page = pages.next().expect("no other page is read");
        expected = page.last().copied();
        Ok(page)
    });
    RescanFiles::new(Scripted::of(units), Arc::new(queries), has_scanner, fixed_runtime().0)
}

async fn run(rescan: &RescanFiles, what: Rescan) -> Result<Rescanned, NotRescanned> {
    rescan.execute(&Actor::system("test"), what, &mut |_| {}).await
}

#[tokio::test]
async fn each_file_that_waits_gets_one_job_again() {
    let cabinet = with(FileState::Quarantined);
    let rescan = rescanning(vec![cabinet.open()], vec![vec![file_id(1)]], true);
    let done = run(&rescan, Rescan::Ask).await.unwrap();
    assert_eq!(done, Rescanned { quarantined: 1, queued: 1, released: 0 });
    let job: Job = cabinet.seen.one("jobs.insert");
    assert_eq!((job.kind.as_str(), job.queue.as_str(), job.owner_id), (FileScan::JOB_KIND, "scans", Some(user_id(1))));
    let again = FileScan { file_id: file_id(1) }.job().unwrap();
    assert_eq!((&job.unique, job.held_key().is_some()), (&again.unique, true), "another one has the same key");
    let discarded = Job { state: JobState::Discarded, ..job };
    assert_eq!(discarded.held_key(), None, "a job that was given up does not count");
    assert!(cabinet.seen.all::<File>("files.save").is_empty(), "the file waits as before");
    assert_eq!(cabinet.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn a_file_that_was_judged_meanwhile_gets_no_job_and_is_not_released() {
    for (state, what) in [(FileState::Ready, Rescan::Ask), (FileState::Infected, Rescan::Release)] {
        let cabinet = with(state);
        let rescan = rescanning(vec![cabinet.open()], vec![vec![file_id(1)]], what == Rescan::Ask);
        let done = run(&rescan, what).await.unwrap();
        assert_eq!(done, Rescanned { quarantined: 1, queued: 0, released: 0 });
        assert!(cabinet.seen.all::<Job>("jobs.insert").is_empty() && cabinet.seen.events().is_empty());
    }
}

#[tokio::test]
async fn a_release_is_on_record() {
    let cabinet = with(FileState::Quarantined);
    let rescan = rescanning(vec![cabinet.open()], vec![vec![file_id(1)]], false);
    let done = run(&rescan, Rescan::Release).await.unwrap();
    assert_eq!(done, Rescanned { quarantined: 1, queued: 0, released: 1 });
    let file: File = cabinet.seen.one("files.save");
    assert!(file.ready().is_some());
    let events = cabinet.seen.events();
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["files.file_released.v1", "files.file_uploaded.v1"]);
    assert!(events.iter().all(|event| event.aggregate_version == file.version.next()), "{events:?}");
}

#[tokio::test]
async fn the_option_must_fit_the_deployment_and_only_admins_and_operators_end_a_quarantine() {
    let refused = run(&rescanning(vec![], vec![], false), Rescan::Ask).await.unwrap_err();
    assert!(matches!(refused, NotRescanned::NoScanner), "{refused:?}");
    let refused = run(&rescanning(vec![], vec![], true), Rescan::Release).await.unwrap_err();
    assert!(matches!(refused, NotRescanned::HasScanner), "{refused:?}");
    let rescan = rescanning(vec![], vec![], true);
    let denied = rescan.execute(&user(1), Rescan::Ask, &mut |_| {}).await.unwrap_err();
    assert!(matches!(denied, NotRescanned::Denied(_)), "{denied:?}");
}

#[tokio::test]
async fn all_files_are_looked_at_in_batches_and_a_batch_that_fails_leaves_the_earlier_ones_done() {
    let pages = || vec![(0..100).map(file_id).collect(), vec![file_id(100)]];
    let [first, second] = [(); 2].map(|()| Cabinet::default());
    let mut so_far = vec![];
    let rescan = rescanning(vec![first.open(), second.open()], pages(), true);
    let done =
        rescan.execute(&Actor::system("test"), Rescan::Ask, &mut |done| so_far.push(done.quarantined)).await.unwrap();
    assert_eq!((done.quarantined, so_far), (101, vec![100, 101]));

    let mut away = MockFileQueries::new();
    away.expect_list_quarantined_files().returning(|_, _| Err(StoreError::Unavailable("away".into())));
    let rescan = RescanFiles::new(Scripted::of(Vec::<MockFilesTx>::new()), Arc::new(away), true, fixed_runtime().0);
    let failed = run(&rescan, Rescan::Ask).await.unwrap_err();
    assert!(matches!(failed, NotRescanned::Store(_)), "{failed:?}");
}
