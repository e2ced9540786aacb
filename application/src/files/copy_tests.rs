//! Tests of copying contents between stores, with mocks and with contents in memory.

use super::{
    copy_contents::{AT_ONCE, Task, at_once},
    file_tests::migrated,
    *,
};
use crate::{
    kernel::{AppError as _, ListError, Page, StoreError, Total, TxMode},
    testing::*,
};
use skep_domain::{
    files::{File, FileContent, FileId, FileImage, FileState, MediaType, Resumable, UploadMetadata},
    shared::Timestamp,
};
use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

/// A file whose content is `honey`.
fn honey(number: u64) -> File {
    let media_type = MediaType::parse("text/plain").unwrap();
    File { content: Some((media_type, Shelves::checksum(b"honey"))), ..file(number) }
}

fn queries(files: Vec<File>) -> MockFileQueries {
    let mut queries = MockFileQueries::new();
    let listed = files.clone();
    queries.expect_list_files().returning(move |_, _, page| {
        let next = listed.iter().position(|file| Some(file_position(file)) == page.after).map_or(0, |at| at + 1);
        // Pages of two.
        let items: Vec<File> = listed[next..].iter().take(2).cloned().collect();
        let more = (next + items.len() < listed.len()).then(|| file_position(items.last().unwrap()));
        let total = page.count_up_to.map(|bound| Total::of(listed.len() as u64, bound));
        Ok(Page { items, next: more, total })
    });
    let known: Vec<FileId> = files.iter().map(|file| file.id).collect();
    queries
        .expect_list_known_files()
        .returning(move |ids| Ok(ids.iter().copied().filter(|id| known.contains(id)).collect()));
    queries.expect_find_file().returning(move |id| Ok(files.iter().find(|file| file.id == id).cloned()));
    queries
}

fn no_uploads(mut queries: MockFileQueries) -> MockFileQueries {
    queries.expect_list_removable_files().returning(|_, _, _, _| Ok(vec![]));
    no_quarantine(queries)
}

fn no_quarantine(mut queries: MockFileQueries) -> MockFileQueries {
    queries.expect_list_quarantined_files().returning(|_, _| Ok(vec![]));
    queries
}

/// What a copy has reported.
#[derive(Default)]
struct Noted {
    last: Mutex<CopiedContents>,
    not_copied: Mutex<Vec<(FileId, bool, String)>>,
}

impl CopyReport for Noted {
    fn progress(&self, so_far: &CopiedContents) {
        *self.last.lock().unwrap() = *so_far;
    }

    fn not_copied(&self, file: &FileView, is_picture: bool, reason: &NotCopied) {
        let reason = match reason {
            NotCopied::Damaged(damage) => format!("{damage:?}"),
            NotCopied::Failed(error) => error.code().to_owned(),
        };
        self.not_copied.lock().unwrap().push((file.id, is_picture, reason));
    }
}

impl Noted {
    /// What was not copied, in the order of the ids.
    fn reasons(&self) -> Vec<(FileId, bool, String)> {
        let mut reasons = self.not_copied.lock().unwrap().clone();
        reasons.sort_by_key(|(id, ..)| *id);
        reasons
    }
}

fn to(from: &Shelves, to: Arc<dyn BlobStore>) -> CopyContentsCommand {
    CopyContentsCommand { from: Arc::new(from.clone()), to, only_missing: false, dry_run: false }
}

async fn copy(
    queries: MockFileQueries,
    units: Vec<MockFilesTx>,
    command: &CopyContentsCommand,
) -> (Result<CopiedContents, ListError>, Noted) {
    let noted = Noted::default();
    let copy = CopyContents::new(Arc::new(queries), Scripted::of(units), migrated(), fixed_runtime().0);
    (copy.execute(&admin(), command, &noted).await, noted)
}

/// A store without contents and without an owner.
fn empty() -> MockBlobStore {
    let mut target = MockBlobStore::new();
    target.expect_claim().returning(|mark| Ok(mark.to_owned()));
    target.expect_owner().returning(|| Ok(None));
    target.expect_list().returning(|_, _| Ok(vec![]));
    target
}

fn full_of(ids: impl IntoIterator<Item = u64>, content: &[u8]) -> Shelves {
    let shelves = Shelves::default();
    for id in ids {
        shelves.put(file_id(id), content);
    }
    shelves
}

fn ids(shelves: &Shelves) -> Vec<FileId> {
    shelves.contents().into_iter().map(|(id, _)| id).collect()
}

#[tokio::test]
async fn every_content_with_a_row_is_copied_and_a_second_copy_passes_over_it() {
    let files: Vec<File> = (1..=5).map(honey).collect();
    // The sixth one has no row.
    let (source, target) = (full_of(1..=6, b"honey"), full_of([2], b"wax"));
    let command = to(&source, Arc::new(target.clone()));
    let (copied, noted) = copy(no_uploads(queries(files.clone())), vec![], &command).await;
    let all = CopiedContents { files_in_all: Some(5), files: 5, copied: 5, copied_bytes: 25, ..Default::default() };
    assert_eq!(copied.unwrap(), all);
    assert_eq!((ids(&target), noted.reasons()), ((1..=5).map(file_id).collect(), vec![]));
    assert!(target.contents().iter().all(|(_, content)| content == b"honey"), "a wrong one is replaced");
    assert_eq!(ids(&source).len(), 6, "nothing is deleted");

    let again = copy(no_uploads(queries(files)), vec![], &command).await.0.unwrap();
    assert_eq!(again, CopiedContents { copied: 0, copied_bytes: 0, present: 5, present_bytes: 25, ..all });
}

#[tokio::test]
async fn nothing_is_copied_to_the_contents_of_another_store() {
    let (source, target) = (full_of([1], b"honey"), Shelves::default());
    target.claim("another store").await.unwrap();
    let command = to(&source, Arc::new(target.clone()));
    let (copied, _) = copy(MockFileQueries::new(), vec![], &command).await;
    assert!(matches!(copied, Err(ListError::Store(StoreError::Corrupt(_)))));
    assert_eq!(ids(&target), []);
}

#[tokio::test]
async fn a_damaged_or_missing_content_is_reported_and_stops_no_other_one() {
    let (source, target) = (full_of([1, 4], b"honey"), Shelves::default());
    source.put(file_id(2), b"wax");
    // The fifth one is deleted while the others are copied.
    let files: Vec<File> = (1..=5).map(honey).collect();
    let mut found = MockFileQueries::new();
    let listed = files.clone();
    found.expect_list_files().returning(move |_, _, _| Ok(Page { items: listed.clone(), next: None, total: None }));
    found.expect_find_file().returning(move |id| {
        let state = if id == file_id(5) { FileState::Deleted } else { FileState::Ready };
        Ok(files.iter().find(|file| file.id == id).map(|file| File { state, ..file.clone() }))
    });
    let (copied, noted) = copy(no_uploads(found), vec![], &to(&source, Arc::new(target.clone()))).await;
    let copied = copied.unwrap();
    assert_eq!((copied.copied, copied.not_copied, copied.files), (2, 2, 5));
    assert_eq!(ids(&target), [file_id(1), file_id(4)], "no damaged content is published");
    let expected = [(2, "Different"), (3, "Missing")].map(|(id, reason)| (file_id(id), false, reason.to_owned()));
    assert_eq!(noted.reasons(), expected);
}

#[tokio::test]
async fn a_full_target_ends_the_copy_and_the_next_one_goes_on() {
    let (source, target) = (full_of(1..=3, b"honey"), full_of([1], b"honey"));
    target.fill_up();
    let command = to(&source, Arc::new(target.clone()));
    let files = || no_uploads(queries((1..=3).map(honey).collect()));
    let (copied, noted) = copy(files(), vec![], &command).await;
    assert_eq!((code(&copied), ids(&target)), ("storage_full", vec![file_id(1)]));
    assert_eq!(noted.last.lock().unwrap().present, 1, "what was done before is reported");
    let larger = full_of([1], b"honey");
    let copied = copy(files(), vec![], &to(&source, Arc::new(larger.clone()))).await.0.unwrap();
    assert_eq!((copied.present, copied.copied, ids(&larger).len()), (1, 2, 3));
}

/// A target that cannot be asked for the contents with these numbers.
fn failing(numbers: &'static [u64], shelves: &Shelves) -> Arc<MockBlobStore> {
    let (mut target, opened, staged) = (empty(), shelves.clone(), shelves.clone());
    target.expect_open_whole().returning(move |id, expected| {
        if numbers.iter().any(|number| file_id(*number) == id) {
            return Err(away());
        }
        ready(opened.open_whole(id, expected))
    });
    target.expect_stage().returning(move |id| ready(staged.stage(id)));
    Arc::new(target)
}

/// The result of a call of [`Shelves`], which never waits.
fn ready<T>(call: impl Future<Output = T>) -> T {
    match std::pin::pin!(call).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the shelves do not wait"),
    }
}

#[tokio::test]
async fn a_content_that_fails_stops_no_other_one_but_several_in_a_row_end_the_copy() {
    let (source, target) = (full_of(1..=12, b"honey"), Shelves::default());
    let files = || no_uploads(queries((1..=12).map(honey).collect()));
    // Never five in a row.
    let command = to(&source, failing(&[1, 2, 3, 4, 6, 7, 8, 9, 11], &target));
    let (copied, noted) = copy(files(), vec![], &command).await;
    assert_eq!((copied.unwrap().not_copied, ids(&target)), (9, [5, 10, 12].map(file_id).to_vec()));
    assert_eq!(noted.reasons()[0], (file_id(1), false, "store_unavailable".to_owned()));
    let target = Shelves::default();
    let (copied, noted) = copy(files(), vec![], &to(&source, failing(&[2, 3, 4, 5, 6], &target))).await;
    assert_eq!((code(&copied), noted.reasons().len()), ("store_unavailable", 5));
    assert_eq!(ids(&target), [file_id(1)]);
}

#[tokio::test]
async fn a_target_that_has_received_other_bytes_does_not_publish_them() {
    struct Lossy;
    #[async_trait::async_trait]
    impl StagedBlob for Lossy {
        async fn write(&mut self, _: &[u8]) -> Result<(), StoreError> {
            Ok(())
        }
        async fn sync(&mut self) -> Result<WrittenBlob, StoreError> {
            Ok(WrittenBlob { size: 4, checksum: Shelves::checksum(b"hone") })
        }
        async fn publish(self: Box<Self>) -> Result<(), StoreError> {
            panic!("it is not published")
        }
    }
    let mut target = empty();
    target.expect_open_whole().returning(|_, _| Ok(None));
    target.expect_stage().returning(|_| Ok(Box::new(Lossy)));
    let command = to(&full_of([1], b"honey"), Arc::new(target));
    let (copied, noted) = copy(no_uploads(queries(vec![honey(1)])), vec![], &command).await;
    assert_eq!((copied.unwrap().not_copied, noted.reasons()[0].2.as_str()), (1, "internal"));
}

#[tokio::test]
async fn the_pictures_of_a_file_in_sizes_go_with_it() {
    let png = MediaType::parse("image/png").unwrap();
    let picture = File { content: Some((png.clone(), Shelves::checksum(b"honey"))), ..picture_file(1) };
    let content = FileContent { size: 5, media_type: png, checksum: Shelves::checksum(b"small") };
    let image = |number, side| FileImage {
        id: file_id(number),
        file_id: file_id(1),
        side,
        content: content.clone(),
        created_at: picture.created_at,
    };
    let images = vec![image(21, 160), image(22, 480), image(23, 960)];
    let (source, target) = (full_of([1], b"honey"), Shelves::default());
    source.put(file_id(21), b"small");
    let mut found = no_uploads(queries(vec![picture.clone(), honey(2)]));
    // The third one has been replaced meanwhile.
    let now = [images[0].clone(), images[1].clone(), image(24, 960)];
    found.expect_find_image().returning(move |_, side| Ok(now.iter().find(|image| image.side == side).cloned()));
    source.put(file_id(2), b"honey");
    let cabinet = Cabinet { files: vec![picture], images, ..Cabinet::default() };
    let store = Scripted::of([cabinet.looking()]);
    let (noted, command) = (Noted::default(), to(&source, Arc::new(target.clone())));
    let copy = CopyContents::new(Arc::new(found), store.clone(), migrated(), fixed_runtime().0);
    let copied = copy.execute(&admin(), &command, &noted).await.unwrap();
    assert_eq!((copied.copied, copied.not_copied, copied.files), (3, 1, 2));
    assert_eq!(ids(&target), [file_id(1), file_id(2), file_id(21)]);
    assert_eq!(noted.reasons(), [(file_id(1), true, "Missing".to_owned())]);
    assert_eq!(store.begun(), [(TxMode::Read, vec![])], "one unit for a page, that writes nothing");
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_only_missing_reads_nothing_of_the_target() {
    let (source, target) = (full_of(1..=3, b"honey"), full_of([2], b"wax"));
    let files = || no_uploads(queries((1..=3).map(honey).collect()));
    let dry = CopyContentsCommand { dry_run: true, ..to(&source, Arc::new(target.clone())) };
    let copied = copy(files(), vec![], &dry).await.0.unwrap();
    assert_eq!((copied.copied, copied.copied_bytes, ids(&target)), (3, 15, vec![file_id(2)]));
    let missing = CopyContentsCommand { only_missing: true, ..to(&source, Arc::new(target.clone())) };
    let copied = copy(files(), vec![], &missing).await.0.unwrap();
    assert_eq!((copied.copied, copied.present, ids(&target).len()), (2, 1, 3));
    assert_eq!(target.contents()[1].1, b"wax", "what is there is not looked at");
}

#[tokio::test]
async fn open_uploads_of_which_bytes_have_arrived_are_counted() {
    let upload = |number, offset| {
        let metadata = UploadMetadata::parse("").unwrap();
        let resumable = Some(Resumable { metadata, offset, expires_at: Timestamp::MAX, appender: None });
        File { state: FileState::Uploading, content: None, resumable, ..file(number) }
    };
    let mut files: Vec<File> = (1..=100).map(|number| upload(number, 3)).collect();
    files.extend([upload(101, 0), File { state: FileState::Deleted, ..file(102) }, upload(103, 1)]);
    let mut found = no_quarantine(MockFileQueries::new());
    found.expect_list_files().returning(|_, _, _| Ok(Page { items: vec![], next: None, total: None }));
    let all: Vec<FileId> = files.iter().map(|file| file.id).collect();
    found.expect_list_removable_files().times(2).returning(move |_, _, after, limit| {
        Ok(all.iter().filter(|id| after.is_none_or(|after| **id > after)).take(limit as usize).copied().collect())
    });
    found.expect_find_file().returning(move |id| Ok(files.iter().find(|file| file.id == id).cloned()));
    let command = to(&Shelves::default(), Arc::new(Shelves::default()));
    assert_eq!(copy(found, vec![], &command).await.0.unwrap().open_uploads, 101);
}

#[tokio::test]
async fn contents_that_wait_for_the_scanner_are_copied_too() {
    let waits = |number| File { state: FileState::Quarantined, ..honey(number) };
    let mut files: Vec<File> = (1..=101).map(waits).collect();
    // Two are judged, and one is deleted, after they were found.
    files[1].state = FileState::Ready;
    files[2].state = FileState::Infected;
    files[3].state = FileState::Deleted;
    let (source, target) = (full_of(1..=101, b"honey"), Shelves::default());
    let mut found = MockFileQueries::new();
    found.expect_list_removable_files().returning(|_, _, _, _| Ok(vec![]));
    found.expect_list_files().returning(|_, _, _| Ok(Page { items: vec![], next: None, total: None }));
    found.expect_list_known_files().returning(|ids| Ok(ids.to_vec()));
    let all: Vec<FileId> = files.iter().map(|file| file.id).collect();
    found.expect_list_quarantined_files().times(2).returning(move |after, limit| {
        Ok(all.iter().filter(|id| after.is_none_or(|after| **id > after)).take(limit as usize).copied().collect())
    });
    found.expect_find_file().returning(move |id| Ok(files.iter().find(|file| file.id == id).cloned()));
    let copied = copy(found, vec![], &to(&source, Arc::new(target.clone()))).await.0.unwrap();
    assert_eq!((copied.copied, copied.files, ids(&target).len()), (99, 99, 99));
    assert!(!ids(&target).contains(&file_id(3)) && !ids(&target).contains(&file_id(4)));
}

#[tokio::test]
async fn an_actor_without_the_permission_copies_nothing() {
    let copy =
        CopyContents::new(Arc::new(MockFileQueries::new()), Scripted::untouched(), migrated(), fixed_runtime().0);
    let command = to(&Shelves::default(), Arc::new(Shelves::default()));
    assert_eq!(code(&copy.execute(&visitor(), &command, &Noted::default()).await), "unauthenticated");
}

#[tokio::test]
async fn a_few_contents_are_copied_at_the_same_time() {
    let (running, most, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let (running, most, done) = (&running, &most, &done);
    let task = |_| {
        Box::pin(async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let mut polls = 0;
            poll_fn(|context| {
                polls += 1;
                context.waker().wake_by_ref();
                if polls > 3 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            running.fetch_sub(1, Ordering::SeqCst);
            done.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }) as Task<'_>
    };
    at_once((0..11).map(task)).await.unwrap();
    assert_eq!((most.load(Ordering::SeqCst), done.load(Ordering::SeqCst)), (AT_ONCE, 11));
}
