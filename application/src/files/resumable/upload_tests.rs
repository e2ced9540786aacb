//! Tests of uploads in pieces, with mocks and with contents in memory.

use super::super::*;
use crate::{
    kernel::{AppError as _, Commands, IdempotencyKey, Page, PageRequest, StoreError},
    testing::*,
};
use skep_domain::{
    access::Role,
    files::{
        Appender, File, FileId, FileName, FilePurpose, FileState, FileUsage, FileVisibility, MediaType, Resumable,
        UploadMetadata,
    },
    shared::{Direction, LeaseToken, Timestamp},
};
use std::{sync::Arc, time::Duration};

/// The token of the first request of a fixed runtime.
fn token(number: u64) -> LeaseToken {
    LeaseToken::new(SeqIds::nth(number))
}

fn metadata() -> UploadMetadata {
    UploadMetadata::parse("filename YS50eHQ=").unwrap()
}

/// An upload of user 1 with 10 bytes, of which `offset` are there, and that this request holds.
fn upload(offset: u64, holder: Option<u64>) -> File {
    let name = FileName::parse("a.txt").unwrap();
    let (purpose, visibility) = (FilePurpose::Attachment, FileVisibility::Private);
    let file = File::begin(file_id(1), user_id(1), purpose, visibility, name, 10, Timestamp::MIN);
    let appender = holder.map(|number| Appender { token: token(number), until: Timestamp::MAX });
    let expires_at = Timestamp::MAX;
    File { resumable: Some(Resumable { metadata: metadata(), offset, expires_at, appender }), ..file }
}

fn with(file: File) -> Cabinet {
    let usage = FileUsage { files: 1, bytes: 10, uploads: 1, ..FileUsage::none(user_id(1)) };
    Cabinet { files: vec![file], usage: Some(usage), ..Cabinet::default() }
}

/// The use cases over these units, with a clock that the test moves.
struct Desk {
    commands: Commands<dyn FilesTx>,
    parts: Arc<UploadParts>,
    shelves: Shelves,
    clock: Arc<FixedClock>,
}

impl Desk {
    fn new(units: impl IntoIterator<Item = MockFilesTx>) -> Self {
        Self::judging(units, "text/plain", FilePolicy::default())
    }

    fn judging(units: impl IntoIterator<Item = MockFilesTx>, media_type: &'static str, policy: FilePolicy) -> Self {
        let (store, shelves, (runtime, clock)) = (Scripted::of(units), Shelves::default(), fixed_runtime());
        let mut types = MockContentTypes::new();
        types.expect_media_type().returning(move |_| MediaType::parse(media_type).unwrap());
        let commands = Commands::new(store.clone() as Arc<_>, fingerprints(), runtime.clone());
        let blobs: Arc<dyn BlobStore> = Arc::new(shelves.clone());
        let remove = Arc::new(RemoveFiles::new(store.clone(), blobs.clone(), runtime.clone()));
        let complete = UseCase::new(CompleteUpload::default(), &commands);
        let parts = UploadParts::new(store, (blobs, Arc::new(types)), complete, remove, runtime, policy);
        Self { commands, parts: Arc::new(parts), shelves, clock }
    }

    async fn create(&self, key: Option<&IdempotencyKey>, length: u64) -> Result<UploadView, CreateUploadError> {
        self.create_as(&user(1), key, create(length)).await
    }

    async fn create_as(
        &self,
        actor: &crate::kernel::Actor,
        key: Option<&IdempotencyKey>,
        command: CreateUploadCommand,
    ) -> Result<UploadView, CreateUploadError> {
        CreateUpload::new(self.parts.clone(), &self.commands).execute_once(actor, key, command).await
    }

    async fn begin(&self, offset: u64, length: Option<u64>, is_checked: bool) -> Result<Appending, AppendUploadError> {
        self.begin_as(&user(1), offset, length, is_checked).await
    }

    async fn begin_as(
        &self,
        actor: &crate::kernel::Actor,
        offset: u64,
        length: Option<u64>,
        is_checked: bool,
    ) -> Result<Appending, AppendUploadError> {
        let command = AppendUploadCommand { id: file_id(1), offset, length, is_checked };
        AppendUpload::new(self.parts.clone()).begin(actor, command).await
    }
}

/// The offset and the holder that were last saved.
fn saved(cabinet: &Cabinet) -> (u64, bool) {
    let files: Vec<File> = cabinet.seen.all("files.save");
    let known = files.last().and_then(|file| file.resumable.clone()).unwrap();
    (known.offset, known.appender.is_some())
}

#[tokio::test]
async fn a_piece_is_durable_before_the_offset_moves() {
    let (first, second) = (with(upload(0, None)), with(upload(0, Some(1))));
    let desk = Desk::new([first.open(), second.open()]);
    let mut appending = desk.begin(0, Some(5), false).await.ok().unwrap();
    assert_eq!(saved(&first), (0, true));
    appending.write(b"hon").await.unwrap();
    appending.write(b"ey").await.unwrap();
    assert_eq!(desk.shelves.partial(file_id(1)), Some(vec![]));
    let appended = appending.end(&user(1), true).await.unwrap();
    assert_eq!(appended, Appended { offset: 5, expires_at: Some(Timestamp::MAX), file: None });
    assert_eq!((saved(&second), desk.shelves.partial(file_id(1))), ((5, false), Some(b"honey".to_vec())));
    assert_eq!((desk.shelves.contents(), second.seen.events().len()), (vec![], 0));
}

#[tokio::test]
async fn the_last_piece_makes_the_file_ready_with_one_event() {
    let (first, second) = (with(upload(5, None)), with(upload(5, Some(1))));
    let desk = Desk::new([first.open(), second.open()]);
    desk.shelves.put_partial(file_id(1), b"honeydropped");
    let mut appending = desk.begin(5, None, false).await.ok().unwrap();
    appending.write(b"comb!").await.unwrap();
    let appended = appending.end(&user(1), true).await.unwrap();
    assert_eq!((appended.offset, appended.expires_at), (10, None));
    let file = appended.file.unwrap();
    assert_eq!((file.id, file.size, file.checksum), (file_id(1), 10, Shelves::checksum(b"honeycomb!")));
    assert_eq!(desk.shelves.contents(), [(file_id(1), b"honeycomb!".to_vec())]);
    let event = second.seen.event();
    assert_eq!(
        (event.name.as_str(), second.seen.one::<File>("files.save").state),
        ("files.file_uploaded.v1", FileState::Ready)
    );
    assert_eq!((saved(&second), second.seen.one::<FileUsage>("file_usage.save").uploads), ((10, false), 0));
}

#[tokio::test]
async fn what_does_not_follow_is_refused_before_any_byte() {
    let cases = [
        (upload(5, None), 4, None, "upload_offset_mismatch"),
        (upload(5, None), u64::MAX, None, "upload_offset_mismatch"),
        (upload(5, None), 5, Some(6), "piece_too_long"),
        (upload(5, Some(9)), 5, None, "upload_locked"),
        (file(1), 5, None, "not_found"),
        (File { resumable: upload(10, None).resumable, ..file(1) }, 10, None, "upload_complete"),
        (File { state: FileState::Deleted, ..upload(5, None) }, 5, None, "not_found"),
    ];
    for (file, offset, length, refused) in cases {
        let cabinet = with(file);
        let desk = Desk::new([cabinet.looking()]);
        assert_eq!(code(&desk.begin(offset, length, false).await.map(drop)), refused);
        assert_eq!((cabinet.seen.endings(), desk.shelves.partial(file_id(1))), (vec![Ending::RolledBack], None));
    }
    let mut old = upload(5, None);
    old.resumable.as_mut().unwrap().expires_at = Timestamp::MIN;
    assert_eq!(code(&Desk::new([with(old).looking()]).begin(5, None, false).await.map(drop)), "upload_expired");
}

#[tokio::test]
async fn only_the_owner_adds_to_an_upload() {
    for actor in [user(2), admin()] {
        let cabinet = with(upload(0, None));
        let desk = Desk::new([cabinet.looking()]);
        assert_eq!(code(&desk.begin_as(&actor, 0, None, false).await.map(drop)), "not_found");
    }
    let desk = Desk::new(Vec::<MockFilesTx>::new());
    assert_eq!(code(&desk.begin_as(&visitor(), 0, None, false).await.map(drop)), "unauthenticated");
    assert_eq!(code(&desk.begin_as(&actor(1, &[]), 0, None, false).await.map(drop)), "forbidden");
}

#[tokio::test]
async fn a_content_that_another_writer_still_has_is_locked() {
    let desk = Desk::new(Vec::<MockFilesTx>::new());
    desk.shelves.hold();
    let refused = desk.begin(0, None, false).await.err().unwrap();
    assert_eq!((refused.code(), refused.retry_after()), ("upload_locked", Some(Duration::from_secs(1))));
}

/// A request that comes late would otherwise take the content away from the file.
#[tokio::test]
async fn a_refused_request_leaves_the_content_of_a_ready_file() {
    let desk = Desk::new([with(File { resumable: upload(5, None).resumable, ..file(1) }).looking()]);
    desk.shelves.put(file_id(1), b"honeycomb!");
    assert_eq!(code(&desk.begin(5, None, false).await.map(drop)), "upload_complete");
    assert_eq!(desk.shelves.contents(), [(file_id(1), b"honeycomb!".to_vec())]);
}

/// Its server was killed, and the lock of the content has ended with it.
#[tokio::test]
async fn the_hold_of_a_lost_request_is_passed_over() {
    let lost = with(upload(5, Some(9)));
    let desk = Desk::new([lost.open()]);
    desk.shelves.put_partial(file_id(1), b"honey");
    assert!(desk.begin(5, None, false).await.is_ok());
    let saved: Vec<File> = lost.seen.all("files.save");
    assert_eq!(saved[0].resumable.as_ref().unwrap().appender.unwrap().token, token(1));
    // Without a content, another request may be about to begin it.
    let desk = Desk::new([with(upload(0, Some(9))).looking()]);
    assert_eq!(code(&desk.begin(0, None, false).await.map(drop)), "upload_locked");
}

#[tokio::test]
async fn nothing_of_a_damaged_piece_is_kept() {
    let (first, second) = (with(upload(5, None)), with(upload(5, Some(1))));
    let desk = Desk::new([first.open(), second.open()]);
    desk.shelves.put_partial(file_id(1), b"honey");
    let mut appending = desk.begin(5, Some(5), true).await.ok().unwrap();
    appending.write(b"comb?").await.unwrap();
    assert_eq!(code(&appending.end(&user(1), false).await), "checksum_mismatch");
    assert_eq!((saved(&second), desk.shelves.partial(file_id(1))), ((5, false), Some(b"honey".to_vec())));
}

#[tokio::test]
async fn a_lost_connection_keeps_what_has_arrived_unless_it_must_be_compared() {
    for (is_checked, kept) in [(false, 3), (true, 0)] {
        let (first, second) = (with(upload(0, None)), with(upload(0, Some(1))));
        let desk = Desk::new([first.open(), second.open()]);
        let mut appending = desk.begin(0, Some(5), is_checked).await.ok().unwrap();
        appending.write(b"hon").await.unwrap();
        appending.stop().await;
        assert_eq!(saved(&second), (kept, false));
    }
}

#[tokio::test]
async fn more_bytes_than_announced_are_refused() {
    let first = with(upload(8, None));
    let desk = Desk::new([first.open()]);
    let mut appending = desk.begin(8, None, false).await.ok().unwrap();
    appending.write(b"!").await.unwrap();
    let refused = appending.write(b"!!").await.err().unwrap();
    assert_eq!((refused.code(), refused.to_string().as_str()), ("piece_too_long", "the upload lacks only 2 bytes"));
}

#[tokio::test]
async fn progress_is_stored_from_time_to_time_and_renews_the_hold() {
    for (is_checked, kept) in [(false, 3), (true, 0)] {
        let (first, second) = (with(upload(0, None)), with(upload(0, Some(1))));
        let desk = Desk::new([first.open(), second.open()]);
        let mut appending = desk.begin(0, None, is_checked).await.ok().unwrap();
        appending.write(b"ho").await.unwrap();
        desk.clock.advance(Duration::from_secs(15));
        appending.write(b"n").await.unwrap();
        assert_eq!(saved(&second), (kept, true));
    }
}

#[tokio::test]
async fn a_request_that_was_passed_over_stores_nothing() {
    let (first, second) = (with(upload(0, None)), with(upload(0, Some(9))));
    let desk = Desk::new([first.open(), second.looking()]);
    let mut appending = desk.begin(0, None, false).await.ok().unwrap();
    appending.write(b"honey").await.unwrap();
    assert_eq!(code(&appending.end(&user(1), true).await), "upload_locked");

    // The last piece of such a request makes no file.
    let (first, second) = (with(upload(5, None)), with(upload(5, Some(9))));
    let desk = Desk::new([first.open(), second.open(), second.looking()]);
    desk.shelves.put_partial(file_id(1), b"honey");
    let mut appending = desk.begin(5, None, false).await.ok().unwrap();
    appending.write(b"comb!").await.unwrap();
    assert_eq!(code(&appending.end(&user(1), true).await), "upload_locked");
    assert_eq!((second.seen.events().len(), second.seen.all::<File>("files.save").len()), (0, 0));
}

#[tokio::test]
async fn an_upload_outlives_a_last_piece_that_could_not_be_stored() {
    let away = || StoreError::Unavailable("away".into());
    let (first, second, third) = (with(upload(5, None)), with(upload(5, Some(1))), with(upload(5, Some(1))));
    let desk = Desk::new([first.open(), second.failing(away()), third.open()]);
    desk.shelves.put_partial(file_id(1), b"honey");
    let mut appending = desk.begin(5, None, false).await.ok().unwrap();
    appending.write(b"comb!").await.unwrap();
    assert_eq!(code(&appending.end(&user(1), true).await), "store_unavailable");
    assert_eq!(saved(&third), (5, false), "the client sends the last piece again");
}

#[tokio::test]
async fn a_content_of_another_kind_ends_the_upload() {
    let image = |holder| File { purpose: FilePurpose::Image, ..upload(5, holder) };
    let (first, second) = (with(image(None)), with(image(Some(1))));
    let gone = with(File { state: FileState::Deleted, ..image(Some(1)) });
    let desk = Desk::judging([first.open(), second.open(), gone.open()], "text/html", FilePolicy::default());
    desk.shelves.put_partial(file_id(1), b"<html");
    let mut appending = desk.begin(5, None, false).await.ok().unwrap();
    appending.write(b"></a>").await.unwrap();
    assert_eq!(code(&appending.end(&user(1), true).await), "media_type_not_allowed");
    assert_eq!((desk.shelves.contents(), desk.shelves.partial(file_id(1))), (vec![], None));
    assert_eq!(gone.seen.all::<File>("files.delete").len(), 1);
}

fn create(length: u64) -> CreateUploadCommand {
    let (name, purpose) = (FileName::parse("a.txt").unwrap(), FilePurpose::Attachment);
    CreateUploadCommand { name, purpose, visibility: FileVisibility::Private, length, metadata: metadata() }
}

#[tokio::test]
async fn a_new_upload_reserves_its_bytes_until_it_expires() {
    let cabinet = Cabinet::default();
    let desk = Desk::new([cabinet.open()]);
    let view = desk.create(None, 10).await.unwrap();
    let now = fixed_runtime().0.clock.now();
    let expected = UploadView {
        id: view.id,
        name: FileName::parse("a.txt").unwrap(),
        metadata: metadata(),
        offset: 0,
        length: 10,
        created_at: now,
        expires_at: Some(now.plus_millis(86_400_000)),
    };
    assert_eq!(view, expected);
    let (usage, row): (FileUsage, File) = (cabinet.seen.one("file_usage.insert"), cabinet.seen.one("files.insert"));
    assert_eq!((usage.files, usage.bytes, usage.uploads, UploadView::of(&row)), (1, 10, 1, Some(expected)));

    let full = with(file(1));
    let mut policy = FilePolicy::default();
    policy.quota.files = 1;
    let desk = Desk::judging([full.looking()], "text/plain", policy);
    assert_eq!(code(&desk.create(None, 10).await), "file_quota_exceeded");
    let untouched = Desk::judging([], "text/html", FilePolicy::default());
    let most = FilePolicy::default().most_bytes;
    assert_eq!(code(&untouched.create(None, most + 1).await), "file_too_large");
    assert_eq!(code(&untouched.create_as(&visitor(), None, create(1)).await), "unauthenticated");
    let image = CreateUploadCommand { purpose: FilePurpose::Image, ..create(0) };
    assert_eq!(code(&untouched.create_as(&user(1), Some(&key()), image).await), "media_type_not_allowed");
}

#[tokio::test]
async fn a_repeat_with_the_key_gets_the_first_upload() {
    let cabinet = Cabinet::default();
    let desk = Desk::new([cabinet.open(), cabinet.open()]);
    let first = desk.create(Some(&key()), 10).await.unwrap();
    assert_eq!(cabinet.seen.calls().first().copied(), Some("claim"));
    cabinet.seen.replay(&cabinet.seen.answers().remove(0));
    assert_eq!(desk.create(Some(&key()), 10).await.unwrap(), first);
    assert_eq!((cabinet.seen.all::<File>("files.insert").len(), cabinet.seen.events().len()), (1, 0));
}

#[tokio::test]
async fn a_creation_with_an_unknown_outcome_finds_its_own_row() {
    let first = Cabinet::default();
    let probe = Desk::new([first.open()]);
    probe.create(None, 10).await.unwrap();
    let landed = Cabinet { files: vec![first.seen.one("files.insert")], ..Cabinet::default() };
    let mut unit = landed.open();
    unit.outbox.expect_settle().return_once(|_| Ok(false));
    let desk = Desk::new([Cabinet::default().failing(unknown()), unit]);
    desk.create(None, 10).await.unwrap();
    assert_eq!((landed.seen.endings(), landed.seen.all::<File>("files.insert")), (vec![Ending::Committed], vec![]));
}

/// Released programs have stored these bytes with idempotency keys: the fingerprint and the answer.
#[test]
fn the_stored_form_of_a_creation_and_its_answer_does_not_change() {
    let json =
        r#"{"name":"a.txt","purpose":"attachment","visibility":"private","length":10,"metadata":"filename YS50eHQ="}"#;
    assert_eq!(serde_json::to_string(&create(10)).unwrap(), json);
    let view = UploadView::of(&upload(5, None)).unwrap();
    let (began, ends) =
        (serde_json::to_string(&Timestamp::MIN).unwrap(), serde_json::to_string(&Timestamp::MAX).unwrap());
    let answer = format!(
        r#"{{"id":"{}","name":"a.txt","metadata":"filename YS50eHQ=","offset":5,"length":10,"created_at":{began},"expires_at":{ends}}}"#,
        view.id
    );
    assert_eq!(serde_json::to_string(&view).unwrap(), answer);
    assert_eq!(serde_json::from_str::<UploadView>(&answer).unwrap(), view);
}

/// An upload without bytes that a fixed runtime has created. The first id is that of the event, the second one that of the
/// file, and the third one is the token.
fn empty(holder: Option<u64>) -> File {
    File { id: FileId::new(SeqIds::nth(2)), size: 0, ..upload(0, holder) }
}

#[tokio::test]
async fn an_upload_without_bytes_is_complete_at_once() {
    let created = Cabinet::default();
    let (first, second) = (with(empty(None)), with(empty(Some(3))));
    let desk = Desk::new([created.open(), first.open(), second.open()]);
    let view = desk.create(None, 0).await.unwrap();
    assert_eq!((view.offset, view.length, view.expires_at), (0, 0, None));
    assert_eq!(
        (second.seen.event().name.as_str(), desk.shelves.contents()),
        ("files.file_uploaded.v1", vec![(view.id, vec![])])
    );
}

#[tokio::test]
async fn a_repeat_completes_an_upload_without_bytes() {
    let created = Cabinet::default();
    let desk = Desk::new([created.open()]);
    desk.shelves.hold();
    assert_eq!(code(&desk.create(Some(&key()), 0).await), "store_unavailable");
    created.seen.replay(&created.seen.answers().remove(0));
    let (first, second) = (with(empty(None)), with(empty(Some(3))));
    let desk = Desk::new([created.open(), first.open(), second.open()]);
    let view = desk.create(Some(&key()), 0).await.unwrap();
    assert_eq!((view.id, view.expires_at), (empty(None).id, None));
    assert_eq!(second.seen.event().name.as_str(), "files.file_uploaded.v1");
    // Later ones find it complete, or ended.
    for found in [File { state: FileState::Ready, ..empty(None) }, File { state: FileState::Deleted, ..empty(None) }] {
        let desk = Desk::new([created.open(), with(found).looking()]);
        assert_eq!(desk.create(Some(&key()), 0).await.unwrap(), view);
    }
}

async fn get(file: &File, actor: &crate::kernel::Actor) -> Result<UploadView, GetUploadError> {
    let (mut queries, file) = (MockFileQueries::new(), file.clone());
    queries.expect_find_file().returning(move |_| Ok(Some(file.clone())));
    GetUpload::new(Arc::new(queries), fixed_runtime().0.clock).execute(actor, file_id(1)).await
}

#[tokio::test]
async fn an_upload_is_shown_to_its_owner_until_it_expires() {
    let view = get(&upload(5, Some(1)), &user(1)).await.unwrap();
    assert_eq!((view.offset, view.length, view.expires_at), (5, 10, Some(Timestamp::MAX)));
    let mut old = upload(5, None);
    old.resumable.as_mut().unwrap().expires_at = Timestamp::MIN;
    assert_eq!(code(&get(&old, &user(1)).await), "upload_expired");
    let complete = File { resumable: upload(5, None).resumable, ..file(1) };
    assert_eq!(get(&complete, &user(1)).await.unwrap().expires_at, None);
    for (file, actor) in [(upload(5, None), user(2)), (upload(5, None), admin()), (file(1), user(1))] {
        assert_eq!(code(&get(&file, &actor).await), "not_found");
    }
    assert_eq!(code(&get(&upload(5, None), &visitor()).await), "unauthenticated");
}

#[tokio::test]
async fn the_list_has_the_uploads_of_the_caller_also_for_staff() {
    for actor in [user(1), actor(1, &[Role::ADMIN])] {
        let mut queries = MockFileQueries::new();
        queries.expect_list_open_uploads().return_once(|owner, now, direction, page| {
            assert_eq!((owner, now), (user_id(1), fixed_runtime().0.clock.now()));
            assert_eq!((direction, page), (Direction::Descending, &PageRequest::default()));
            Ok(Page { items: vec![upload(5, Some(1)), upload(0, None)], next: None, total: None })
        });
        let list = ListUploads::new(Arc::new(queries), fixed_runtime().0.clock);
        let page = list.execute(&actor, Direction::Descending, &PageRequest::default()).await.unwrap();
        let offsets: Vec<_> = page.items.iter().map(|upload| (upload.offset, upload.name.as_str())).collect();
        assert_eq!(offsets, [(5, "a.txt"), (0, "a.txt")]);
    }
    let list = ListUploads::new(Arc::new(MockFileQueries::new()), fixed_runtime().0.clock);
    let refused = list.execute(&visitor(), Direction::Descending, &PageRequest::default()).await;
    assert_eq!(code(&refused), "unauthenticated");
}

async fn terminate(found: File, units: Vec<MockFilesTx>, actor: &crate::kernel::Actor) -> (&'static str, Shelves) {
    let (store, shelves, runtime) = (Scripted::of(units), Shelves::default(), fixed_runtime().0);
    shelves.put_partial(file_id(1), b"honey");
    let mut queries = MockFileQueries::new();
    queries.expect_find_file().returning(move |_| Ok(Some(found.clone())));
    let commands = Commands::new(store.clone() as Arc<_>, fingerprints(), runtime.clone());
    let remove = Arc::new(RemoveFiles::new(store, Arc::new(shelves.clone()), runtime));
    let delete_file = Arc::new(DeleteFile::new(&commands, remove.clone()));
    let ended = TerminateUpload::new(Arc::new(queries), delete_file, remove).execute(actor, file_id(1)).await;
    (code(&ended), shelves)
}

#[tokio::test]
async fn an_upload_is_ended_with_everything_that_was_received() {
    let (open, gone) = (with(upload(5, Some(1))), with(File { state: FileState::Deleted, ..upload(5, Some(1)) }));
    let (ended, shelves) = terminate(upload(5, None), vec![open.open(), gone.open()], &user(1)).await;
    assert_eq!((ended, shelves.partial(file_id(1))), ("ok", None));
    assert_eq!((open.seen.events().len(), gone.seen.all::<File>("files.delete").len()), (0, 1));

    let complete = File { resumable: upload(10, None).resumable, ..file(1) };
    let (ready, gone) = (with(complete.clone()), with(File { state: FileState::Deleted, ..complete.clone() }));
    let (ended, _) = terminate(complete, vec![ready.open(), gone.looking(), gone.open()], &user(1)).await;
    assert_eq!((ended, ready.seen.event().name.as_str()), ("ok", "files.file_deleted.v1"));
    for actor in [user(2), admin()] {
        let (ended, shelves) = terminate(upload(5, None), vec![], &actor).await;
        assert_eq!((ended, shelves.partial(file_id(1)).is_some()), ("not_found", true));
    }
}
