//! Archives of exports that an earlier version has stored.

use super::{all_from, same};
use skep_application::{
    files::FilesTx,
    kernel::{Begin, TxMode},
};
use skep_contract::Failure;
use skep_domain::{
    files::{Checksum, File, FileContent, FileId, FileName, FilePurpose, FileVisibility, MediaType},
    shared::{Timestamp, UserId},
};
use skep_upgrades::{Database, Service};
use std::slice::from_ref;
use uuid::Uuid;

/// The number of the step that adds the time at which a file is deleted.
const STEP: i64 = 5;
const WEEK: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Only archives that are ready get a time: a week after they became ready.
pub(super) async fn earlier_archives_are_deleted_after_a_week(database: &Database) -> Result<(), Failure> {
    let store = database.migrated(Service::clock(0)?, None).await?;
    let (owner, began, ended) = (UserId::NIL, Timestamp::from_millis(1_000)?, Timestamp::from_millis(5_000)?);
    let upload = |number: u128, purpose| -> Result<File, Failure> {
        let name = FileName::parse("export.json")?;
        let id = FileId::new(Uuid::from_u128(number));
        Ok(File::begin(id, owner, purpose, FileVisibility::Private, name, 10, began))
    };
    let ready = |file: File| -> Result<File, Failure> {
        let (mut file, media_type) = (file, MediaType::parse("application/json")?);
        file.complete(None, FileContent { size: 2, media_type, checksum: Checksum::new([7; 32]) }, ended)?;
        Ok(file)
    };
    let archive = ready(upload(1, FilePurpose::Export)?)?;
    let files = [archive.clone(), upload(2, FilePurpose::Export)?, ready(upload(3, FilePurpose::Attachment)?)?];
    let mut unit = Begin::<dyn FilesTx>::begin(&*store, TxMode::Write, &[]).await?;
    for file in &files {
        unit.files().insert(file).await?;
    }
    unit.commit().await?;

    store.down(&all_from(&*store, "files", STEP).await?).await?;
    store.up().await?;
    let delete_at = ended.plus_millis(WEEK);
    let dated = File { delete_at: Some(delete_at), ..archive };
    for file in [from_ref(&dated), &files[1..]].concat() {
        same(&store.find_file(file.id).await?, &Some(file), "a file after the step")?;
    }
    same(&store.list_expired_files(delete_at.plus_millis(-1), 9).await?, &vec![], "files before the time")?;
    same(&store.list_expired_files(delete_at, 9).await?, &vec![dated.id], "files at the time")
}
