//! Tests of the use cases of files, with mocks and with contents in memory.

use super::*;
use crate::{
    kernel::{Commands, Page, Precondition, Round, UseCase},
    operations::{MigrationStatus, MockMigrations},
    testing::*,
};
use mockall::Sequence;
use serde_json::json;
use skep_domain::{
    files::{File, FileId, FileName, FilePurpose, FileState, FileUsage, FileVisibility, MediaType},
    shared::{Timestamp, Version},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A cabinet with one file in this state, of user 1.
pub(super) fn with(state: FileState) -> Cabinet {
    let file = File { state, ..file(1) };
    let uploads = u32::from(state == FileState::Uploading);
    let usage = FileUsage { files: 1, bytes: file.size, uploads, ..FileUsage::none(user_id(1)) };
    Cabinet { files: vec![file], usage: Some(usage), ..Cabinet::default() }
}

fn types(name: &'static str) -> Arc<dyn ContentTypes> {
    let mut types = MockContentTypes::new();
    types.expect_media_type().returning(move |_| MediaType::parse(name).unwrap());
    Arc::new(types)
}

pub(super) fn removing(store: &Arc<Scripted<dyn FilesTx>>, shelves: &Shelves) -> Arc<RemoveFiles> {
    Arc::new(RemoveFiles::new(store.clone(), Arc::new(shelves.clone()), fixed_runtime().0))
}

type Units = Arc<Scripted<dyn FilesTx>>;

fn uploading(store: &Units, shelves: &Shelves, media_type: &'static str, policy: FilePolicy) -> UploadFile {
    completing(CompleteUpload::default(), store, shelves, media_type, policy)
}

/// Uploads that this command ends.
pub(super) fn completing(
    complete: CompleteUpload,
    store: &Units,
    shelves: &Shelves,
    media_type: &'static str,
    policy: FilePolicy,
) -> UploadFile {
    let runtime = fixed_runtime().0;
    let commands = Commands::new(store.clone() as Arc<_>, fingerprints(), runtime.clone());
    let contents: (Arc<dyn BlobStore>, _) = (Arc::new(shelves.clone()), types(media_type));
    let complete = UseCase::new(complete, &commands);
    let parts = UploadParts::new(store.clone(), contents, complete, removing(store, shelves), runtime, policy);
    UploadFile::new(Arc::new(parts))
}

pub(super) fn text(size: Option<u64>) -> UploadFileCommand {
    UploadFileCommand {
        name: FileName::parse("a.txt").unwrap(),
        purpose: FilePurpose::Attachment,
        visibility: FileVisibility::Private,
        size,
        checksum: None,
    }
}

/// Begins an upload, and returns it with a cabinet that has its row.
async fn begun(
    command: UploadFileCommand,
    shelves: &Shelves,
    rest: impl Fn(Cabinet) -> Vec<MockFilesTx>,
) -> (Upload, Cabinet) {
    let first = Cabinet::default();
    // The ids of a fixed runtime count from the beginning.
    let probe = uploading(&Scripted::of([first.open()]), shelves, "text/plain", FilePolicy::default());
    drop(probe.begin(&user(1), command.clone()).await.ok().unwrap());
    let (row, usage): (File, FileUsage) = (first.seen.one("files.insert"), first.seen.one("file_usage.insert"));
    let cabinet = Cabinet { files: vec![row], usage: Some(usage), ..Cabinet::default() };
    let units = std::iter::once(Cabinet::default().open()).chain(rest(cabinet.clone()));
    let upload = uploading(&Scripted::of(units), shelves, "text/plain", FilePolicy::default());
    (upload.begin(&user(1), command).await.ok().unwrap(), cabinet)
}

#[tokio::test]
async fn a_file_is_ready_after_its_content_with_one_event() {
    let shelves = Shelves::default();
    let (mut upload, cabinet) = begun(text(None), &shelves, |cabinet| vec![cabinet.open()]).await;
    upload.write(b"hon").await.unwrap();
    upload.write(b"ey").await.unwrap();
    assert_eq!(shelves.contents(), [], "nothing is published yet");
    let file = upload.finish(&user(1), Some(&key())).await.unwrap();
    assert_eq!(shelves.contents(), [(file.id, b"honey".to_vec())]);
    assert_eq!((file.size, file.media_type.as_str(), file.version), (5, "text/plain", Version::FIRST.next()));
    let usage: FileUsage = cabinet.seen.one("file_usage.save");
    assert_eq!((usage.files, usage.bytes, usage.uploads), (1, 5, 0), "the reserved bytes are given back");
    assert_eq!(cabinet.seen.event().name, "files.file_uploaded.v1");
    let payload = json!({
        "file_id": file.id, "owner_id": user_id(1), "purpose": "attachment", "visibility": "private",
        "media_type": "text/plain", "size": 5, "sha256": Shelves::checksum(b"honey"),
    });
    assert_eq!(cabinet.seen.payload(), payload);
}

#[tokio::test]
async fn an_upload_reserves_what_it_may_have_at_most() {
    for (size, reserved) in [(Some(5), 5), (None, FilePolicy::default().most_bytes)] {
        let cabinet = Cabinet::default();
        let upload =
            uploading(&Scripted::of([cabinet.open()]), &Shelves::default(), "text/plain", FilePolicy::default());
        upload.begin(&user(1), text(size)).await.ok().unwrap();
        let (usage, row): (FileUsage, File) = (cabinet.seen.one("file_usage.insert"), cabinet.seen.one("files.insert"));
        assert_eq!((usage.files, usage.bytes, usage.uploads, row.size), (1, reserved, 1, reserved));
    }
}

#[tokio::test]
async fn a_quota_that_is_reached_refuses_before_the_content() {
    let full = with(FileState::Ready);
    let mut policy = FilePolicy::default();
    policy.quota.files = 1;
    let upload = uploading(&Scripted::of([full.looking()]), &Shelves::default(), "text/plain", policy);
    assert_eq!(code(&upload.begin(&user(1), text(Some(1))).await), "file_quota_exceeded");
    assert_eq!(full.seen.endings(), [Ending::RolledBack]);
    let most = FilePolicy::default().most_bytes;
    let untouched = uploading(&Scripted::untouched(), &Shelves::default(), "text/plain", FilePolicy::default());
    assert_eq!(code(&untouched.begin(&user(1), text(Some(most + 1))).await), "file_too_large");
    assert_eq!(code(&untouched.begin(&visitor(), text(None)).await), "unauthenticated");
    assert_eq!(code(&untouched.begin(&actor(1, &[]), text(None)).await), "forbidden");
}

#[tokio::test]
async fn two_first_uploads_at_once_do_not_refuse_each_other() {
    let (first, second) = (Cabinet::default(), Cabinet::default());
    let mut raced = first.looking();
    let taken = || crate::kernel::StoreError::Duplicate { constraint: constraints::FILE_USAGE_OWNER };
    raced.file_usage.expect_insert().return_once(move |_| Err(taken()));
    let upload =
        uploading(&Scripted::of([raced, second.open()]), &Shelves::default(), "text/plain", FilePolicy::default());
    upload.begin(&user(1), text(Some(1))).await.ok().unwrap();
    assert_eq!((first.seen.endings(), second.seen.endings()), (vec![Ending::Dropped], vec![Ending::Committed]));
}

#[tokio::test]
async fn a_begin_with_an_unknown_outcome_finds_its_own_row() {
    let first = Cabinet::default();
    let id = {
        let probe = Cabinet::default();
        let upload = uploading(&Scripted::of([probe.open()]), &Shelves::default(), "text/plain", FilePolicy::default());
        upload.begin(&user(1), text(Some(1))).await.ok().unwrap();
        probe.seen.one::<File>("files.insert")
    };
    let landed = Cabinet { files: vec![id], ..Cabinet::default() };
    let units = Scripted::of([first.failing(unknown()), landed.looking()]);
    let upload = uploading(&units, &Shelves::default(), "text/plain", FilePolicy::default());
    upload.begin(&user(1), text(Some(1))).await.ok().unwrap();
    assert_eq!(landed.seen.endings(), [Ending::Committed]);
}

/// What removes an upload: it is given up in one unit, and its row goes in another one.
pub(super) fn removal(cabinet: &Cabinet) -> Vec<MockFilesTx> {
    let mut given_up = cabinet.clone();
    for file in &mut given_up.files {
        file.remove(Timestamp::MIN);
    }
    vec![cabinet.open(), given_up.open()]
}

#[tokio::test]
async fn an_upload_that_does_not_match_is_removed() {
    let wrong = Shelves::checksum(b"wax");
    let command = |size, checksum| UploadFileCommand { checksum, ..text(size) };
    for command in [command(Some(9), None), command(None, Some(wrong)), command(Some(5), Some(wrong))] {
        let shelves = Shelves::default();
        let (mut upload, cabinet) = begun(command, &shelves, |cabinet| removal(&cabinet)).await;
        upload.write(b"honey").await.unwrap();
        assert_eq!(code(&upload.finish(&user(1), None).await), "content_mismatch");
        assert_eq!((shelves.contents(), cabinet.seen.events().len()), (vec![], 0));
        assert_eq!(cabinet.seen.all::<File>("files.delete").len(), 1);
    }
    let (mut upload, _) = begun(text(Some(3)), &Shelves::default(), |_| vec![]).await;
    assert_eq!(code(&upload.write(b"honey").await), "content_mismatch");
    let policy = FilePolicy { most_bytes: 4, ..FilePolicy::default() };
    let uploads = uploading(&Scripted::of([Cabinet::default().open()]), &Shelves::default(), "text/plain", policy);
    let mut upload = uploads.begin(&user(1), text(None)).await.ok().unwrap();
    upload.write(b"hone").await.unwrap();
    assert_eq!(code(&upload.write(b"y").await), "file_too_large");
}

#[tokio::test]
async fn a_full_disk_leaves_no_upload() {
    let shelves = Shelves::default();
    let (mut upload, cabinet) = begun(text(Some(5)), &shelves, |cabinet| removal(&cabinet)).await;
    shelves.fill_up();
    assert_eq!(code(&upload.write(b"honey").await), "storage_full");
    upload.abandon().await;
    let usages: Vec<FileUsage> = cabinet.seen.all("file_usage.save");
    assert_eq!(usages.iter().map(|usage| usage.uploads).collect::<Vec<_>>()[0], 0, "it is no longer an upload");
    assert_eq!(cabinet.seen.all::<File>("files.delete").len(), 1);
}

#[tokio::test]
async fn a_content_of_another_kind_is_refused() {
    let cabinet = with(FileState::Uploading);
    let image = UploadFileCommand { purpose: FilePurpose::Image, ..text(Some(5)) };
    let units = std::iter::once(Cabinet::default().open()).chain(removal(&cabinet));
    let shelves = Shelves::default();
    let uploads = uploading(&Scripted::of(units), &shelves, "text/html", FilePolicy::default());
    let mut upload = uploads.begin(&user(1), image).await.ok().unwrap();
    upload.write(b"<html").await.unwrap();
    assert_eq!(code(&upload.finish(&user(1), None).await), "media_type_not_allowed");
    assert_eq!(shelves.contents(), []);
}

#[tokio::test]
async fn an_upload_that_was_given_up_cannot_become_ready() {
    let shelves = Shelves::default();
    let (mut upload, cabinet) = begun(text(Some(5)), &shelves, |mut cabinet| {
        cabinet.files[0].remove(Timestamp::MIN);
        vec![cabinet.open(), cabinet.open(), cabinet.open()]
    })
    .await;
    upload.write(b"honey").await.unwrap();
    assert_eq!(code(&upload.finish(&user(1), None).await), "upload_given_up");
    assert_eq!((shelves.contents(), cabinet.seen.events().len()), (vec![], 0));
}

#[tokio::test]
async fn a_repeat_gets_the_first_file_and_its_own_content_is_removed() {
    let shelves = Shelves::default();
    let first = FileView::of(&file(1)).unwrap();
    let (mut upload, cabinet) =
        begun(text(Some(5)), &shelves, |cabinet| std::iter::once(cabinet.open()).chain(removal(&cabinet)).collect())
            .await;
    cabinet.seen.replay(&serde_json::to_string(&first).unwrap());
    upload.write(b"honey").await.unwrap();
    assert_eq!(upload.finish(&user(1), Some(&key())).await.unwrap(), first);
    assert_eq!((shelves.contents(), cabinet.seen.events().len()), (vec![], 0));
}

pub(super) fn complete() -> CompleteUploadCommand {
    let content = file(1).ready().unwrap();
    let (purpose, visibility) = (FilePurpose::Attachment, FileVisibility::Private);
    CompleteUploadCommand { file_id: file_id(1), holder: None, purpose, visibility, name: file(1).name, content }
}

fn delete() -> DeleteFileCommand {
    DeleteFileCommand { file_id: file_id(1), precondition: Precondition::Missing }
}

#[tokio::test]
async fn the_commands_obey_the_frame() {
    obeys_the_frame(&with(FileState::Uploading), CompleteUpload::default, &user(1), complete).await;
    obeys_the_frame(&with(FileState::Ready), || MarkFileDeleted, &user(1), delete).await;
}

#[test]
fn the_id_of_an_upload_is_not_a_part_of_the_fingerprint() {
    let other = CompleteUploadCommand { file_id: file_id(2), ..complete() };
    assert_eq!(serde_json::to_value(complete()).unwrap(), serde_json::to_value(other).unwrap());
}

#[tokio::test]
async fn a_file_is_deleted_before_its_content_and_its_row_last() {
    let (ready, deleted, shelves) = (with(FileState::Ready), with(FileState::Deleted), Shelves::default());
    shelves.put(file_id(1), b"honey");
    let store = Scripted::of([ready.open(), deleted.looking(), deleted.open()]);
    let commands = Commands::new(store.clone() as Arc<_>, fingerprints(), fixed_runtime().0);
    let delete_file = DeleteFile::new(&commands, removing(&store, &shelves));
    delete_file.execute_once(&user(1), None, delete()).await.unwrap();
    assert_eq!(ready.seen.event().name, "files.file_deleted.v1");
    assert_eq!(ready.seen.one::<File>("files.save").state, FileState::Deleted);
    assert_eq!((shelves.contents(), deleted.seen.all::<File>("files.delete").len()), (vec![], 1));
    let usage: FileUsage = deleted.seen.one("file_usage.save");
    assert_eq!((usage.files, usage.bytes), (0, 0));
}

#[tokio::test]
async fn a_content_that_cannot_be_deleted_is_left_to_the_sweep() {
    let (ready, deleted, shelves) = (with(FileState::Ready), with(FileState::Deleted), Shelves::default());
    shelves.put(file_id(1), b"honey");
    shelves.go_away();
    let store = Scripted::of([ready.open(), deleted.looking()]);
    let commands = Commands::new(store.clone() as Arc<_>, fingerprints(), fixed_runtime().0);
    let delete_file = DeleteFile::new(&commands, removing(&store, &shelves));
    delete_file.execute_once(&user(1), None, delete()).await.unwrap();
    assert_eq!(shelves.contents().len(), 1, "the row is there as long as the content");
}

#[tokio::test]
async fn only_the_owner_and_an_admin_can_delete_a_file() {
    let run = async |actor, state| {
        let world = with(state);
        use_case(MarkFileDeleted, &Scripted::of([world.open()])).execute(&actor, delete()).await
    };
    assert_eq!(code(&run(user(2), FileState::Ready).await), "not_found");
    assert_eq!(code(&run(admin(), FileState::Ready).await), "ok");
    for state in [FileState::Uploading, FileState::Deleted] {
        assert_eq!(code(&run(user(1), state).await), "not_found", "{}", state.name());
    }
}

#[tokio::test]
async fn a_file_that_is_ready_is_never_removed() {
    let (ready, shelves) = (with(FileState::Ready), Shelves::default());
    shelves.put(file_id(1), b"honey");
    let store = Scripted::of([ready.looking()]);
    assert!(!removing(&store, &shelves).remove(file_id(1)).await.unwrap());
    assert_eq!(shelves.contents().len(), 1);
}

async fn get(file: &File, actor: &crate::kernel::Actor) -> &'static str {
    let (mut queries, file) = (MockFileQueries::new(), file.clone());
    let id = file.id;
    queries.expect_find_file().returning(move |_| Ok(Some(file.clone())));
    code(&GetFile::new(Arc::new(queries)).execute(actor, id).await)
}

#[tokio::test]
async fn a_private_file_is_shown_to_its_owner_and_admins_and_a_public_one_to_all() {
    let (private, public) = (file(1), File { visibility: FileVisibility::Public, ..file(1) });
    for (actor, seen) in [(visitor(), "not_found"), (user(2), "not_found"), (user(1), "ok"), (admin(), "ok")] {
        assert_eq!((get(&private, &actor).await, get(&public, &actor).await), (seen, "ok"));
    }
    for state in [FileState::Uploading, FileState::Deleted] {
        assert_eq!(get(&File { state, ..public.clone() }, &user(1)).await, "not_found");
    }
}

#[tokio::test]
async fn no_client_sends_an_export() {
    let uploads = uploading(&Scripted::untouched(), &Shelves::default(), "text/plain", FilePolicy::default());
    for size in [None, Some(0), Some(5)] {
        let export = UploadFileCommand { purpose: FilePurpose::Export, ..text(size) };
        assert_eq!(code(&uploads.begin(&user(1), export).await), "file_too_large");
    }
}

#[tokio::test]
async fn every_file_without_its_content_is_reported() {
    let shelves = Shelves::default();
    let stored = |number, content: &[u8]| {
        let content = (MediaType::parse("text/plain").unwrap(), Shelves::checksum(content));
        File { content: Some(content), size: 5, ..file(number) }
    };
    let files: Vec<File> = (1..=4).map(|number| stored(number, b"honey")).collect();
    shelves.put(file_id(1), b"honey");
    shelves.put(file_id(2), b"wax");
    let mut queries = MockFileQueries::new();
    let (first, last) = (files[..2].to_vec(), files[2..].to_vec());
    let place = file_position(&first[1]);
    let after = place.clone();
    queries.expect_list_files().times(2).returning(move |_, _, page| {
        let (items, next) = match &page.after {
            None => (first.clone(), Some(place.clone())),
            Some(found) => {
                assert_eq!(*found, after);
                (last.clone(), None)
            }
        };
        Ok(Page { items, next, total: None })
    });
    // The fourth one is deleted while the others are read.
    queries.expect_find_file().returning(move |id| {
        let file = files.iter().find(|file| file.id == id).cloned();
        Ok(file.filter(|file| file.id != file_id(4)))
    });
    let verify = VerifyFiles::new(Arc::new(queries), Arc::new(shelves));
    let mut reported = vec![];
    let verified = verify.execute(&admin(), &mut |file, damage| reported.push((file.id, damage))).await.unwrap();
    assert_eq!(reported, [(file_id(2), Damage::Different), (file_id(3), Damage::Missing)]);
    assert_eq!(verified, VerifiedFiles { files: 4, bytes: 20, damaged: 2 });
    let untouched = VerifyFiles::new(Arc::new(MockFileQueries::new()), Arc::new(Shelves::default()));
    assert_eq!(code(&untouched.execute(&visitor(), &mut |_, _| {}).await), "unauthenticated");
}

pub(super) async fn sweep(sweep: &dyn crate::kernel::SweepAll) -> (u64, &'static str) {
    let runtime = fixed_runtime().0;
    let never = || false;
    let mut round = Round::new(&runtime, 2, &never);
    let swept = sweep.sweep_all(&mut round).await;
    (round.swept, swept.map_or_else(|error| crate::kernel::AppError::code(&error), |()| "ok"))
}

#[tokio::test]
async fn a_sweep_removes_what_is_removable() {
    let (deleted, shelves) = (with(FileState::Deleted), Shelves::default());
    shelves.put(file_id(1), b"honey");
    let store = Scripted::of([deleted.looking(), deleted.open()]);
    let mut queries = MockFileQueries::new();
    let hours = std::time::Duration::from_secs(6 * 3_600);
    let now_is = fixed_runtime().0.clock.now();
    let until = now_is.plus_millis(-6 * 3_600_000);
    queries
        .expect_list_removable_files()
        .withf(move |time, now, after, limit| (*time, *now, *after, *limit) == (until, now_is, None, 2))
        .times(1)
        .returning(|_, _, _, _| Ok(vec![file_id(1)]));
    let files = SweepFiles::new(Arc::new(queries), removing(&store, &shelves), hours);
    assert_eq!(sweep(&files).await, (1, "ok"));
    assert_eq!(shelves.contents(), []);
}

#[tokio::test]
async fn files_that_cannot_be_removed_hold_up_no_later_ones() {
    let (one, two, shelves) = (with(FileState::Deleted), with(FileState::Deleted), Shelves::default());
    shelves.go_away();
    let store = Scripted::of([one.looking(), two.looking()]);
    let (mut queries, mut order) = (MockFileQueries::new(), Sequence::new());
    for (after, found) in [(None, vec![file_id(1), file_id(2)]), (Some(file_id(2)), vec![])] {
        let page = queries.expect_list_removable_files();
        let page = page.withf(move |_, _, last, _| *last == after).times(1).in_sequence(&mut order);
        page.returning(move |_, _, _, _| Ok(found.clone()));
    }
    let files = SweepFiles::new(Arc::new(queries), removing(&store, &shelves), std::time::Duration::ZERO);
    assert_eq!(sweep(&files).await, (0, "store_unavailable"));
}

/// The mark of the store with [`migrated`].
const MARK: &str = "store of 2026-01-31T18:00:00.000Z";

fn full(ids: std::ops::RangeInclusive<u64>) -> Shelves {
    let shelves = Shelves::default();
    ids.for_each(|id| shelves.put(file_id(id), b"honey"));
    shelves
}

/// Sweeps these contents.
fn orphans(queries: MockFileQueries, shelves: &Shelves, age: std::time::Duration) -> SweepOrphanBlobs {
    SweepOrphanBlobs::new(Arc::new(queries), Arc::new(shelves.clone()), migrated(), age)
}

/// The migrations of a store, which are asked for once at most. The first one was not applied first.
pub(super) fn migrated() -> Arc<MockMigrations> {
    let mut migrations = MockMigrations::new();
    migrations.expect_status().times(0..=1).returning(|| {
        let step =
            |number, applied_at| MigrationStatus { set: "files".to_owned(), number, name: "x".to_owned(), applied_at };
        let at = |text: &str| Some(text.parse().unwrap());
        Ok(vec![step(1, at("2026-02-01T10:00:00Z")), step(2, at("2026-01-31T18:00:00Z")), step(3, None)])
    });
    Arc::new(migrations)
}

#[tokio::test]
async fn the_contents_of_another_store_are_never_deleted() {
    let shelves = Shelves::default();
    shelves.put(file_id(1), b"honey");
    shelves.claim("store of 2026-01-30T18:00:00Z").await.unwrap();
    let round = orphans(MockFileQueries::new(), &shelves, std::time::Duration::ZERO);
    for _ in 0..2 {
        assert_eq!(sweep(&round).await, (0, "internal"));
    }
    assert_eq!(shelves.contents().len(), 1);
    // They are from before the first migration.
    let unmarked = full(1..=3);
    let mut queries = MockFileQueries::new();
    queries.expect_list_known_files().times(1).returning(|_| Ok(vec![]));
    assert_eq!(sweep(&orphans(queries, &unmarked, std::time::Duration::ZERO)).await, (0, "internal"));
    assert_eq!((unmarked.contents().len(), unmarked.owner().await.unwrap()), (3, None));
    let shelves = Shelves::default();
    assert_eq!(sweep(&orphans(MockFileQueries::new(), &shelves, std::time::Duration::ZERO)).await, (0, "ok"));
    assert_eq!(shelves.claim("").await.unwrap(), MARK, "the first migration");
}

#[tokio::test]
async fn a_content_that_cannot_be_deleted_does_not_stop_the_others() {
    let (shelves, seen) = (full(1..=5), Arc::new(AtomicUsize::new(0)));
    shelves.claim(MARK).await.unwrap();
    let (mut queries, counted) = (MockFileQueries::new(), seen.clone());
    queries.expect_list_known_files().returning(move |ids| {
        counted.fetch_add(ids.len(), Ordering::Relaxed);
        Ok(vec![])
    });
    shelves.go_away();
    let sweeper = orphans(queries, &shelves, std::time::Duration::ZERO);
    assert_eq!(sweep(&sweeper).await, (0, "store_unavailable"));
    assert_eq!(seen.load(Ordering::Relaxed), 5, "the round has come to its end");
}

#[tokio::test]
async fn contents_without_a_file_are_deleted_and_the_others_stay() {
    let shelves = full(1..=5);
    let mut queries = MockFileQueries::new();
    let known = |ids: &[FileId]| ids.iter().copied().filter(|id| *id == file_id(2) || *id == file_id(4)).collect();
    queries.expect_list_known_files().returning(move |ids| Ok(known(ids)));
    let orphans = orphans(queries, &shelves, std::time::Duration::ZERO);
    assert_eq!(sweep(&orphans).await, (3, "ok"));
    let left: Vec<_> = shelves.contents().into_iter().map(|(id, _)| id).collect();
    assert_eq!(left, [file_id(2), file_id(4)]);
    assert_eq!(sweep(&orphans).await, (0, "ok"), "it begins again");
}

#[tokio::test]
async fn a_young_content_without_a_file_stays() {
    let shelves = Shelves::default();
    shelves.put(file_id(1), b"honey");
    shelves.claim(MARK).await.unwrap();
    let age = std::time::Duration::from_secs(u64::MAX / 1_000_000);
    let orphans = orphans(MockFileQueries::new(), &shelves, age);
    let (swept, result) = sweep(&orphans).await;
    assert_eq!((swept, result, shelves.contents().len()), (0, "ok", 1));
}

#[tokio::test]
async fn the_files_of_an_erased_user_go_with_their_contents_in_any_state() {
    for (state, events) in [(FileState::Ready, 1), (FileState::Uploading, 0), (FileState::Deleted, 0)] {
        let (cabinet, shelves) = (with(state), Shelves::default());
        shelves.put(file_id(1), b"honey");
        let marked = Cabinet { files: vec![File { state: FileState::Deleted, ..file(1) }], ..cabinet.clone() };
        // A ready file is marked first. The last two units remove the content and the row.
        let after = if state == FileState::Uploading || state == FileState::Ready { &marked } else { &cabinet };
        let second = if state == FileState::Ready { &marked } else { &cabinet };
        let store = Scripted::of([cabinet.open(), second.open(), after.open()]);
        let mut queries = MockFileQueries::new();
        let mut answers = [vec![], vec![file_id(1)]].into_iter().collect::<Vec<_>>();
        queries.expect_list_files_of().times(2).returning(move |owner, limit| {
            assert_eq!((owner, limit), (user_id(1), 1));
            Ok(answers.pop().unwrap_or_default())
        });
        let runtime = fixed_runtime().0;
        let commands = Commands::new(store.clone() as Arc<_>, fingerprints(), runtime.clone());
        let erase = EraseFiles::new(Arc::new(queries), &commands, removing(&store, &shelves));
        let never = || false;
        let round = Round::new(&runtime, 1, &never);
        crate::kernel::EraseUser::erase_user(&erase, user_id(1), &round).await.unwrap();
        assert_eq!(shelves.contents(), []);
        assert_eq!(cabinet.seen.events().len(), events, "{state:?}");
        assert_eq!(cabinet.seen.one::<File>("files.delete").id, file_id(1));
    }
}

#[tokio::test]
async fn an_upload_that_becomes_ready_during_the_erasure_goes_too() {
    let (upload, ready, deleted) = (with(FileState::Uploading), with(FileState::Ready), with(FileState::Deleted));
    // The first look finds an upload, which is ready before it is given up.
    let store = Scripted::of([upload.looking(), ready.looking(), ready.open(), deleted.open(), deleted.open()]);
    let mut queries = MockFileQueries::new();
    let mut answers = vec![vec![], vec![file_id(1)], vec![file_id(1)]];
    queries.expect_list_files_of().times(3).returning(move |_, _| Ok(answers.pop().unwrap_or_default()));
    let runtime = fixed_runtime().0;
    let commands = Commands::new(store.clone() as Arc<_>, fingerprints(), runtime.clone());
    let erase = EraseFiles::new(Arc::new(queries), &commands, removing(&store, &Shelves::default()));
    let never = || false;
    let round = Round::new(&runtime, 10, &never);
    crate::kernel::EraseUser::erase_user(&erase, user_id(1), &round).await.unwrap();
    assert_eq!(deleted.seen.one::<File>("files.delete").id, file_id(1));
}

#[tokio::test]
async fn a_content_that_cannot_be_deleted_ends_the_erasure_with_an_error() {
    let (cabinet, shelves) = (with(FileState::Deleted), Shelves::default());
    shelves.go_away();
    let store = Scripted::of([cabinet.open(), cabinet.open()]);
    let mut queries = MockFileQueries::new();
    queries.expect_list_files_of().times(1).returning(|_, _| Ok(vec![file_id(1)]));
    let runtime = fixed_runtime().0;
    let commands = Commands::new(store.clone() as Arc<_>, fingerprints(), runtime.clone());
    let erase = EraseFiles::new(Arc::new(queries), &commands, removing(&store, &shelves));
    let never = || false;
    let round = Round::new(&runtime, 1, &never);
    let failed = crate::kernel::EraseUser::erase_user(&erase, user_id(1), &round).await;
    assert_eq!(failed.map_err(|error| crate::kernel::AppError::code(&error)), Err("store_unavailable"));
}

fn expiring(queries: MockFileQueries, store: &Arc<Scripted<dyn FilesTx>>, shelves: &Shelves) -> SweepExpiredFiles {
    let commands = Commands::new(store.clone() as Arc<_>, fingerprints(), fixed_runtime().0);
    let erase = EraseFiles::new(Arc::new(MockFileQueries::new()), &commands, removing(store, shelves));
    SweepExpiredFiles::new(Arc::new(queries), Arc::new(erase))
}

#[tokio::test]
async fn a_file_whose_time_is_over_goes_with_its_content_and_its_event() {
    let (ready, deleted, shelves) = (with(FileState::Ready), with(FileState::Deleted), Shelves::default());
    shelves.put(file_id(1), b"{}");
    let store = Scripted::of([ready.open(), deleted.open(), deleted.open()]);
    let (mut queries, now) = (MockFileQueries::new(), fixed_runtime().0.clock.now());
    queries.expect_list_expired_files().times(1).returning(move |at, limit| {
        assert_eq!((at, limit), (now, 2));
        Ok(vec![file_id(1)])
    });
    assert_eq!(sweep(&expiring(queries, &store, &shelves)).await, (1, "ok"));
    assert_eq!((shelves.contents().len(), ready.seen.event().name), (0, "files.file_deleted.v1".to_owned()));
    assert_eq!(deleted.seen.calls().last(), Some(&"files.delete"));
}

#[tokio::test]
async fn an_expired_file_that_cannot_be_deleted_holds_up_no_other_of_its_round() {
    let shelves = Shelves::default();
    shelves.go_away();
    let files = [1, 2].map(|number| File { state: FileState::Deleted, ..file(number) });
    let deleted = Cabinet { files: files.to_vec(), ..with(FileState::Deleted) };
    let store = Scripted::of([deleted.open(), deleted.open(), deleted.open(), deleted.open()]);
    let mut queries = MockFileQueries::new();
    queries.expect_list_expired_files().times(1).returning(|_, _| Ok(vec![file_id(1), file_id(2)]));
    assert_eq!(sweep(&expiring(queries, &store, &shelves)).await, (0, "store_unavailable"));
    assert_eq!(store.left(), 0, "both were tried");
}
