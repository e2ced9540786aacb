//! Tests of links to the contents of files, with mocks.

use super::*;
use crate::{
    identity::{AccountScopes, MockRoleQueries, MockUserQueries, UserView},
    kernel::{Actor, Clock},
    testing::*,
};
use skep_domain::{
    access::Role,
    files::{File, FileDisposition, FileId, FilePurpose, FileState, FileVisibility},
    identity::User,
    shared::Timestamp,
};
use std::{sync::Arc, time::Duration};

fn links() -> FileLinks {
    FileLinks::new(fingerprints(), secrets())
}

fn queries(found: Option<File>) -> Arc<MockFileQueries> {
    let mut queries = MockFileQueries::new();
    queries.expect_find_file().returning(move |_| Ok(found.clone()));
    Arc::new(queries)
}

fn now() -> Timestamp {
    fixed_runtime().0.clock.now()
}

pub(super) async fn sign(
    found: Option<File>,
    actor: &Actor,
    expires_in: Option<i64>,
) -> Result<SignedFileLink, SignFileLinkError> {
    let policy = FilePolicy {
        link_time: Duration::from_secs(60),
        longest_link: Duration::from_secs(100),
        ..FilePolicy::default()
    };
    let sign_file_link = SignFileLink::new(queries(found), links(), policy, fixed_runtime().0.clock);
    let disposition = FileDisposition::Attachment;
    sign_file_link.execute(actor, SignFileLinkCommand { file_id: file_id(1), expires_in, disposition }).await
}

pub(super) async fn link(expires_in: i64) -> FileLink {
    sign(Some(file(1)), &user(1), Some(expires_in)).await.unwrap().link
}

/// Reads by links that these accounts have made.
pub(super) fn reader(files: Arc<MockFileQueries>, signers: Vec<User>, clock: Arc<dyn Clock>) -> ReadFile {
    let (mut users, roles) = (MockUserQueries::new(), Arc::new(MockRoleQueries::new()));
    users.expect_find_user().returning(move |_, id| Ok(signers.iter().find(|user| user.id == id).map(UserView::from)));
    ReadFile::new(files, Arc::new(Shelves::default()), links(), AccountScopes::new(Arc::new(users), roles), clock)
}

fn owner() -> User {
    User { roles: vec![Role::USER], ..ada() }
}

async fn read_by(signers: Vec<User>, found: File, link: &FileLink) -> Result<LinkedUse, ReadFileError> {
    let read_file = reader(queries(Some(found)), signers, fixed_runtime().0.clock);
    read_file.find_linked(&visitor(), file_id(1), link).await.map(|(_, linked)| linked)
}

pub(super) async fn read(
    found: Option<File>,
    id: FileId,
    link: &FileLink,
    later: i64,
) -> Result<LinkedUse, ReadFileError> {
    let (runtime, clock) = fixed_runtime();
    clock.jump_to(now().plus_millis(later));
    let read_file = reader(queries(found), vec![owner()], runtime.clock);
    read_file.find_linked(&visitor(), id, link).await.map(|(_, linked)| linked)
}

#[tokio::test]
async fn only_a_caller_that_may_read_a_file_makes_links_to_it() {
    let public = File { visibility: FileVisibility::Public, ..file(1) };
    for (actor, private_one, public_one) in [
        (user(1), "ok", "ok"),
        (admin(), "ok", "ok"),
        (user(2), "not_found", "not_found"),
        (visitor(), "unauthenticated", "unauthenticated"),
    ] {
        assert_eq!(code(&sign(Some(file(1)), &actor, None).await), private_one);
        assert_eq!(code(&sign(Some(public.clone()), &actor, None).await), public_one);
    }
    for found in [None, Some(File { state: FileState::Uploading, ..public.clone() })] {
        assert_eq!(code(&sign(found, &user(1), None).await), "not_found");
    }
}

#[tokio::test]
async fn a_link_lasts_as_long_as_it_was_asked_for_within_a_bound() {
    for (asked, lasts) in [(None, 60), (Some(1), 1), (Some(100), 100)] {
        let signed = sign(Some(file(1)), &user(1), asked).await.unwrap();
        let expires = now().as_millis().div_euclid(1_000) + lasts;
        assert_eq!((signed.link.expires, signed.expires_at.as_millis()), (expires.to_string(), expires * 1_000));
    }
    for wrong in [0, -1, 101, i64::MIN, i64::MAX] {
        let refused = sign(Some(file(1)), &user(1), Some(wrong)).await;
        assert_eq!(problem(&refused), ("validation_failed", vec![("/expires_in", "out_of_range")]), "{wrong}");
    }
    // A caller that may not read the file learns nothing about the value.
    assert_eq!(code(&sign(Some(file(1)), &user(2), Some(0)).await), "not_found");
}

#[tokio::test]
async fn a_link_gives_the_content_to_every_caller_until_it_expires() {
    let link = link(10).await;
    let linked = read(Some(file(1)), file_id(1), &link, 2_000).await.unwrap();
    assert_eq!(linked.disposition, FileDisposition::Attachment);
    assert!(linked.left <= Duration::from_secs(8) && linked.left >= Duration::from_secs(7));
    for later in [10_000, 3_600_000] {
        assert_eq!(code(&read(Some(file(1)), file_id(1), &link, later).await), "file_link_expired");
    }
    for gone in [None, Some(File { state: FileState::Deleted, ..file(1) })] {
        assert_eq!(code(&read(gone, file_id(1), &link, 0).await), "not_found");
    }
}

#[tokio::test]
async fn a_wrong_link_is_refused_before_the_file_is_looked_for() {
    let right = link(10).await;
    let mut wrong = vec![
        FileLink { expires: format!("{}0", right.expires), ..right.clone() },
        FileLink { expires: format!("0{}", right.expires), ..right.clone() },
        FileLink { expires: format!("+{}", right.expires), ..right.clone() },
        FileLink { expires: "9".repeat(8_000), ..right.clone() },
        FileLink { signer: user_id(2).to_string(), ..right.clone() },
        FileLink { signer: right.signer.to_ascii_uppercase(), ..right.clone() },
        FileLink { signer: right.signer.replace('-', ""), ..right.clone() },
        FileLink { signer: String::new(), ..right.clone() },
        FileLink { expires: String::new(), ..right.clone() },
        FileLink { disposition: "inline".to_owned(), ..right.clone() },
        FileLink { disposition: String::new(), ..right.clone() },
        FileLink { signature: right.signature.to_ascii_uppercase(), ..right.clone() },
        FileLink { signature: format!("{}0", right.signature), ..right.clone() },
        FileLink { signature: String::new(), ..right.clone() },
        FileLink { signature: "\u{e9}".repeat(32), ..right.clone() },
    ];
    for place in 0..right.signature.len() {
        let mut signature = right.signature.clone().into_bytes();
        signature[place] = if signature[place] == b'0' { b'1' } else { b'0' };
        wrong.push(FileLink { signature: String::from_utf8(signature).unwrap(), ..right.clone() });
    }
    let nowhere = || Arc::new(MockFileQueries::new());
    let accounts = AccountScopes::new(Arc::new(MockUserQueries::new()), Arc::new(MockRoleQueries::new()));
    let blobs = Arc::new(Shelves::default());
    let read_file = ReadFile::new(nowhere(), blobs, links(), accounts, fixed_runtime().0.clock);
    for link in wrong {
        assert_eq!(code(&read_file.find_linked(&user(1), file_id(1), &link).await), "file_link_invalid", "{link:?}");
    }
    // A link to one file is not a link to another one.
    assert_eq!(code(&read_file.find_linked(&user(1), file_id(2), &right).await), "file_link_invalid");
}

#[tokio::test]
async fn a_link_to_a_private_file_holds_as_long_as_its_maker_may_read_the_file() {
    let public = || File { visibility: FileVisibility::Public, ..file(1) };
    let at = Some(Timestamp::MIN);
    let staff = |role| User { id: user_id(99), roles: vec![role], ..owner() };
    let (by_owner, by_staff) = (link(10).await, sign(Some(file(1)), &admin(), Some(10)).await.unwrap().link);
    for (link, signer, private_one) in [
        (&by_owner, vec![owner()], "ok"),
        (&by_owner, vec![User { disabled_at: at, ..owner() }], "not_found"),
        (&by_owner, vec![User { erase_at: at, ..owner() }], "not_found"),
        (&by_owner, vec![User { roles: vec![], ..owner() }], "not_found"),
        (&by_owner, vec![staff(Role::ADMIN)], "not_found"),
        (&by_owner, vec![], "not_found"),
        (&by_staff, vec![staff(Role::ADMIN)], "ok"),
        (&by_staff, vec![staff(Role::USER)], "not_found"),
    ] {
        assert_eq!(code(&read_by(signer.clone(), file(1), link).await), private_one, "{signer:?}");
        // Every caller may read a public one without a link.
        assert_eq!(code(&read_by(signer, public(), link).await), "ok");
    }
}

#[tokio::test]
async fn only_its_owner_reads_the_content_of_an_export() {
    let export = File { purpose: FilePurpose::Export, ..file(1) };
    for (actor, seen) in [(visitor(), "not_found"), (user(2), "not_found"), (user(1), "ok"), (admin(), "not_found")] {
        for visibility in [FileVisibility::Private, FileVisibility::Public] {
            let file = File { visibility, ..export.clone() };
            let read = reader(queries(Some(file)), vec![], fixed_runtime().0.clock);
            assert_eq!(code(&read.find(&actor, export.id).await), seen);
        }
    }
}

#[tokio::test]
async fn an_export_has_no_links() {
    let export = || File { purpose: FilePurpose::Export, ..file(1) };
    for actor in [user(1), admin()] {
        assert_eq!(code(&sign(Some(export()), &actor, None).await), "not_found");
    }
    // A link to another file with this id, as it were.
    let link = link(10).await;
    assert_eq!(code(&read_by(vec![owner()], file(1), &link).await), "ok");
    assert_eq!(code(&read_by(vec![owner()], export(), &link).await), "not_found");
}
