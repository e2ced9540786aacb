//! Tests of links that store files, with mocks and with contents in memory.

use super::*;
use crate::{
    identity::{AccountScopes, MockRoleQueries, MockUserQueries, UserView},
    jobs::JobPolicy,
    kernel::{Actor, Commands, StoreError, UseCase},
    testing::*,
};
use skep_domain::{
    access::Role,
    files::{File, FileId, FileName, FilePurpose, FileState, FileUsage, FileVisibility, MediaType},
    identity::User,
    shared::Timestamp,
};
use std::{sync::Arc, time::Duration};

fn links() -> FileLinks {
    FileLinks::new(fingerprints(), secrets())
}

fn now() -> Timestamp {
    fixed_runtime().0.clock.now()
}

fn asked() -> SignUploadLinkCommand {
    SignUploadLinkCommand {
        name: FileName::parse("a.txt").unwrap(),
        purpose: FilePurpose::Attachment,
        visibility: FileVisibility::Public,
        most_bytes: Some(5),
        media_type: Some("text/plain".to_owned()),
        expires_in: Some(10),
    }
}

fn sign(actor: &Actor, command: SignUploadLinkCommand) -> Result<SignedUploadLink, SignUploadLinkError> {
    let policy = FilePolicy { longest_link: Duration::from_secs(100), ..FilePolicy::default() };
    SignUploadLink::new(links(), policy, fixed_runtime().0).execute(actor, command)
}

/// Stores by links that these accounts have made.
fn uploading(
    store: &Arc<Scripted<dyn FilesTx>>,
    shelves: &Shelves,
    media_type: &'static str,
    signers: Vec<User>,
    later: i64,
) -> UploadLinkedFile {
    completing(CompleteUpload::default(), store, shelves, media_type, (signers, later))
}

/// The same with an end of uploads.
fn completing(
    complete: CompleteUpload,
    store: &Arc<Scripted<dyn FilesTx>>,
    shelves: &Shelves,
    media_type: &'static str,
    (signers, later): (Vec<User>, i64),
) -> UploadLinkedFile {
    let (runtime, clock) = fixed_runtime();
    clock.jump_to(now().plus_millis(later));
    let mut types = MockContentTypes::new();
    types.expect_media_type().returning(move |_| MediaType::parse(media_type).unwrap());
    let commands = Commands::new(store.clone() as Arc<_>, fingerprints(), runtime.clone());
    let blobs: Arc<dyn BlobStore> = Arc::new(shelves.clone());
    let remove = Arc::new(RemoveFiles::new(store.clone(), blobs.clone(), runtime.clone()));
    let contents = (blobs, Arc::new(types) as Arc<_>);
    let complete = UseCase::new(complete, &commands);
    let parts = UploadParts::new(store.clone(), contents, complete, remove, runtime, FilePolicy::default());
    let mut users = MockUserQueries::new();
    users.expect_find_user().returning(move |_, id| Ok(signers.iter().find(|user| user.id == id).map(UserView::from)));
    let accounts = AccountScopes::new(Arc::new(users), Arc::new(MockRoleQueries::new()));
    UploadLinkedFile::new(Arc::new(parts), links(), accounts)
}

fn owner() -> User {
    User { roles: vec![Role::USER], ..ada() }
}

/// Begins an upload of a visitor in this cabinet.
async fn begin(cabinet: &Cabinet, link: &str, size: Option<u64>) -> Result<Upload, UploadLinkedFileError> {
    let store = Scripted::of([cabinet.open()]);
    let upload = uploading(&store, &Shelves::default(), "text/plain", vec![owner()], 0);
    upload.begin(&visitor(), link, size, None).await
}

#[test]
fn a_link_is_made_within_the_limits_of_its_purpose() {
    let signed = sign(&user(1), asked()).unwrap();
    assert_eq!(signed.expires_at.as_millis(), (now().as_millis().div_euclid(1_000) + 10) * 1_000);
    let most = i64::try_from(FilePolicy::default().most_bytes(FilePurpose::Image)).unwrap();
    let image = |most_bytes| SignUploadLinkCommand {
        purpose: FilePurpose::Image,
        media_type: Some("image/png".to_owned()),
        most_bytes,
        ..asked()
    };
    for right in [asked(), image(Some(most)), image(None), SignUploadLinkCommand { media_type: None, ..image(None) }] {
        assert!(sign(&user(1), right.clone()).is_ok(), "{right:?}");
    }
    let media_type = |text: &str| SignUploadLinkCommand { media_type: Some(text.to_owned()), ..image(None) };
    for (wrong, place, fault) in [
        (image(Some(most + 1)), "/max_bytes", "too_large"),
        (image(Some(0)), "/max_bytes", "out_of_range"),
        (image(Some(-1)), "/max_bytes", "out_of_range"),
        (media_type("text/plain"), "/media_type", "media_type_not_allowed"),
        (media_type("image"), "/media_type", "invalid_value"),
        (media_type(""), "/media_type", "invalid_value"),
        (SignUploadLinkCommand { expires_in: Some(101), ..asked() }, "/expires_in", "out_of_range"),
        (SignUploadLinkCommand { expires_in: Some(0), ..asked() }, "/expires_in", "out_of_range"),
    ] {
        assert_eq!(problem(&sign(&user(1), wrong)), ("validation_failed", vec![(place, fault)]));
    }
    let wrong = SignUploadLinkCommand { expires_in: Some(0), most_bytes: Some(0), ..media_type("text/plain") };
    let all = vec![
        ("/expires_in", "out_of_range"),
        ("/max_bytes", "out_of_range"),
        ("/media_type", "media_type_not_allowed"),
    ];
    assert_eq!(problem(&sign(&user(1), wrong)), ("validation_failed", all), "every wrong field is named");
    assert_eq!(code(&sign(&visitor(), asked())), "unauthenticated");
    assert_eq!(code(&sign(&actor(1, &[]), asked())), "forbidden");
}

#[tokio::test]
async fn a_visitor_stores_one_file_of_the_account_that_made_the_link() {
    let SignedUploadLink { id, link, .. } = sign(&user(1), asked()).unwrap();
    let first = Cabinet::default();
    begin(&first, &link, Some(5)).await.ok().unwrap();
    let (row, usage): (File, FileUsage) = (first.seen.one("files.insert"), first.seen.one("file_usage.insert"));
    assert_eq!((row.upload_link, row.owner_id, row.size), (Some(id), user_id(1), 5));
    assert_eq!((row.name.as_str(), row.visibility), ("a.txt", FileVisibility::Public));

    let second = Cabinet { files: vec![row.clone()], usage: Some(usage), ..Cabinet::default() };
    let shelves = Shelves::default();
    let units = Scripted::of([Cabinet::default().open(), second.open()]);
    let store = uploading(&units, &shelves, "text/plain", vec![owner()], 0);
    let mut upload = store.begin(&visitor(), &link, None, None).await.ok().unwrap();
    upload.write(b"honey").await.unwrap();
    let file = upload.finish(&visitor(), None).await.unwrap();
    assert_eq!((file.owner_id, file.upload_link), (user_id(1), Some(id)));
    assert_eq!(shelves.contents(), vec![(file.id, b"honey".to_vec())]);
    assert_eq!(second.seen.event().name, "files.file_uploaded.v1");

    for state in [FileState::Uploading, FileState::Quarantined, FileState::Ready, FileState::Infected] {
        let there = Cabinet { files: vec![File { id: file_id(9), state, ..row.clone() }], ..Cabinet::default() };
        assert_eq!(code(&begin(&there, &link, Some(5)).await), "upload_link_used");
        assert_eq!(there.seen.calls(), ["files.find_by_link"]);
    }
    // What is left of a file that was deleted may still be deleted, so the next one has another id.
    let mut deleted = File { id: file_id(9), ..row };
    deleted.remove(now());
    let gone = Cabinet { files: vec![deleted], ..Cabinet::default() };
    begin(&gone, &link, Some(5)).await.ok().unwrap();
    assert_ne!(gone.seen.one::<File>("files.insert").id, file_id(9));
}

#[tokio::test]
async fn of_two_uploads_at_once_one_begins() {
    let SignedUploadLink { link, .. } = sign(&user(1), asked()).unwrap();
    let probe = Cabinet::default();
    begin(&probe, &link, None).await.ok().unwrap();
    let other: File = probe.seen.one("files.insert");
    let mut raced = Cabinet::default().looking();
    raced.file_usage.expect_insert().returning(|_| Ok(()));
    raced
        .files
        .expect_insert()
        .return_once(|_| Err(StoreError::Duplicate { constraint: constraints::FILE_UPLOAD_LINK }));
    let there = Cabinet { files: vec![File { id: file_id(9), ..other.clone() }], ..Cabinet::default() };
    let store = Scripted::of([raced, there.looking()]);
    let upload = uploading(&store, &Shelves::default(), "text/plain", vec![owner()], 0);
    assert_eq!(code(&upload.begin(&visitor(), &link, None, None).await), "upload_link_used");

    // An attempt after an unknown outcome knows its own row.
    let (first, landed) = (Cabinet::default(), Cabinet { files: vec![other], ..Cabinet::default() });
    let store = Scripted::of([first.failing(unknown()), landed.looking()]);
    let upload = uploading(&store, &Shelves::default(), "text/plain", vec![owner()], 0);
    assert!(upload.begin(&visitor(), &link, None, None).await.is_ok());
}

#[tokio::test]
async fn a_content_that_the_link_does_not_allow_is_refused() {
    let SignedUploadLink { link, .. } = sign(&user(1), asked()).unwrap();
    assert_eq!(code(&begin(&Cabinet::default(), &link, Some(6)).await), "file_too_large");
    let mut upload = begin(&Cabinet::default(), &link, None).await.ok().unwrap();
    assert_eq!(code(&upload.write(b"nectar").await), "file_too_large");

    let (first, shelves) = (Cabinet::default(), Shelves::default());
    begin(&first, &link, None).await.ok().unwrap();
    let (row, usage) = (first.seen.one::<File>("files.insert"), first.seen.one::<FileUsage>("file_usage.insert"));
    let begun = Cabinet { files: vec![row], usage: Some(usage), ..Cabinet::default() };
    let mut given_up = begun.clone();
    given_up.files[0].remove(Timestamp::MIN);
    let store = Scripted::of([Cabinet::default().open(), begun.open(), given_up.open()]);
    let by_link = uploading(&store, &shelves, "image/png", vec![owner()], 0);
    let mut upload = by_link.begin(&visitor(), &link, None, None).await.ok().unwrap();
    upload.write(b"honey").await.unwrap();
    assert_eq!(code(&upload.finish(&visitor(), None).await), "media_type_not_allowed");
    assert_eq!((shelves.contents(), given_up.seen.all::<File>("files.delete").len()), (vec![], 1));
}

#[tokio::test]
async fn files_of_links_that_wait_for_the_scanner_count_for_their_owner() {
    let SignedUploadLink { link, .. } = sign(&user(1), asked()).unwrap();
    let policy = JobPolicy::default();
    let most = u64::from(policy.waiting_per_user);
    for (waiting, expected) in [(most - 1, "ok"), (most, "too_many_waiting_jobs")] {
        let probe = Cabinet::default();
        begin(&probe, &link, None).await.ok().unwrap();
        let (row, usage) = (probe.seen.one::<File>("files.insert"), probe.seen.one::<FileUsage>("file_usage.insert"));
        let begun = Cabinet { files: vec![row], usage: Some(usage), waiting, ..Cabinet::default() };
        let mut given_up = begun.clone();
        given_up.files[0].remove(Timestamp::MIN);
        let units = [Cabinet::default().open(), begun.open(), begun.open(), given_up.open()];
        let (store, scans) = (Scripted::of(units), CompleteUpload { scans: Some(policy) });
        let by_link = completing(scans, &store, &Shelves::default(), "text/plain", (vec![owner()], 0));
        let mut upload = by_link.begin(&visitor(), &link, None, None).await.ok().unwrap();
        upload.write(b"honey").await.unwrap();
        assert_eq!(code(&upload.finish(&visitor(), None).await), expected);
    }
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_with_its_account() {
    let SignedUploadLink { link, .. } = sign(&user(1), asked()).unwrap();
    let refused = async |signers, later| {
        let store = uploading(&Scripted::untouched(), &Shelves::default(), "text/plain", signers, later);
        code(&store.begin(&visitor(), &link, None, None).await)
    };
    assert_eq!(refused(vec![owner()], 10_000).await, "file_link_expired");
    let at = Some(Timestamp::MIN);
    for signers in [
        vec![],
        vec![User { roles: vec![], ..owner() }],
        vec![User { disabled_at: at, ..owner() }],
        vec![User { erase_at: at, ..owner() }],
    ] {
        assert_eq!(refused(signers, 0).await, "upload_link_revoked");
    }
}

#[tokio::test]
async fn a_wrong_link_is_refused_before_anything_is_read() {
    let SignedUploadLink { link, .. } = sign(&user(1), asked()).unwrap();
    let (terms, signature) = link.split_once('.').unwrap();
    let download = FileLink { signer: user_id(1).to_string(), ..signed_download(file_id(1)).await };
    let mut wrong = vec![
        String::new(),
        ".".to_owned(),
        terms.to_owned(),
        signature.to_owned(),
        format!("{link}0"),
        format!("0{link}"),
        link.to_ascii_uppercase(),
        format!("{terms}.{}", download.signature),
        format!("\u{e9}.{signature}"),
        "9".repeat(8_000),
    ];
    for place in 0..link.len() {
        let mut changed = link.clone().into_bytes();
        changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
        wrong.push(String::from_utf8(changed).unwrap());
    }
    let store = uploading(&Scripted::untouched(), &Shelves::default(), "text/plain", vec![], 0);
    for link in wrong {
        assert_eq!(code(&store.begin(&user(1), &link, None, None).await), "file_link_invalid", "{link}");
    }
}

/// A link that gives the content of this file.
async fn signed_download(file_id: FileId) -> FileLink {
    let mut queries = MockFileQueries::new();
    queries.expect_find_file().returning(move |id| Ok(Some(File { id, ..file(1) })));
    let clock = fixed_runtime().0.clock;
    let sign = SignFileLink::new(Arc::new(queries), links(), FilePolicy::default(), clock);
    let disposition = skep_domain::files::FileDisposition::Inline;
    let command = SignFileLinkCommand { file_id, expires_in: Some(10), disposition };
    sign.execute(&user(1), command).await.unwrap().link
}
