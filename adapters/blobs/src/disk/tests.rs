use super::*;
use std::{collections::BTreeSet, os::unix::fs::PermissionsExt as _, time::Duration};

fn id(number: u128) -> FileId {
    FileId::new(Uuid::from_u128(number))
}

fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeSet::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn publish(blobs: &DiskBlobs, id: FileId, bytes: &[u8]) {
    let mut staged = blobs.stage(id).await.unwrap();
    staged.write(bytes).await.unwrap();
    staged.sync().await.unwrap();
    staged.publish().await.unwrap();
}

#[tokio::test]
async fn only_the_owner_can_read_a_content_and_its_folders() {
    let home = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::open(home.path().join("files")).unwrap();
    publish(&blobs, id(0x12AB), b"honey").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let shard = home.path().join("files/ab");
    assert_eq!(names(&shard), BTreeSet::from([id(0x12AB).to_string()]), "the last byte names the folder");
    assert_eq!((mode(&home.path().join("files")), mode(&shard)), (0o700, 0o700));
    assert_eq!(mode(&shard.join(id(0x12AB).to_string())), 0o600);
}

#[tokio::test]
async fn a_content_that_fails_leaves_nothing_and_cannot_be_published() {
    let home = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::open(home.path()).unwrap();
    let mut staged = blobs.stage(id(1)).await.unwrap();
    staged.write(&[7; 300 << 10]).await.unwrap();
    assert_eq!(names(&home.path().join("01")).len(), 1);
    // The folder is gone when the content gets its name.
    staged.sync().await.unwrap();
    fs::rename(home.path().join("01"), home.path().join("away")).unwrap();
    assert!(matches!(staged.publish().await, Err(StoreError::Unavailable(_))));
    assert!(blobs.open(id(1), None).await.unwrap().is_none());

    let staged = blobs.stage(id(2)).await.unwrap();
    drop(staged);
    assert_eq!(names(&home.path().join("02")), BTreeSet::new());
}

#[tokio::test]
async fn bytes_that_are_not_synced_cannot_be_published() {
    let home = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::open(home.path()).unwrap();
    let mut staged = blobs.stage(id(1)).await.unwrap();
    staged.write(b"honey").await.unwrap();
    assert!(staged.publish().await.is_err());
    assert_eq!(names(&home.path().join("01")), BTreeSet::new());
}

/// `/dev/full` refuses each write as a full disk does.
#[tokio::test]
async fn a_full_disk_is_full_and_keeps_nothing() {
    let home = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::open(home.path()).unwrap();
    let shard = home.path().join("01");
    fs::create_dir(&shard).unwrap();
    let part = part_of(&shard.join(id(1).to_string()));
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let mut staged = blobs.stage(id(1)).await.unwrap();
    staged.write(b"honey").await.unwrap();
    assert!(matches!(staged.sync().await, Err(StoreError::Full(_))));
    assert!(staged.write(&[7; 300 << 10]).await.is_err(), "nothing follows an error");
    assert!(staged.publish().await.is_err());
    assert_eq!(names(&shard), BTreeSet::new());
}

#[tokio::test]
async fn what_a_crash_has_left_is_listed_and_deleted_and_other_files_stay() {
    let home = tempfile::tempdir().unwrap();
    let blobs = DiskBlobs::open(home.path()).unwrap();
    publish(&blobs, id(0x0102), b"honey").await;
    let shard = home.path().join("02");
    let left = shard.join(format!("{}{PART}", id(0x0202)));
    fs::write(&left, "hon").unwrap();
    fs::write(shard.join("notes.txt"), "").unwrap();
    let time = UNIX_EPOCH + Duration::from_millis(1_234);
    File::options().write(true).open(&left).unwrap().set_modified(time).unwrap();
    let listed = blobs.list(None, 9).await.unwrap();
    assert_eq!(listed.iter().map(|kept| kept.id).collect::<Vec<_>>(), [id(0x0102), id(0x0202)]);
    assert_eq!(listed[1].written_at.as_millis(), 1_234);
    blobs.delete(id(0x0202)).await.unwrap();
    assert_eq!(names(&shard), BTreeSet::from([id(0x0102).to_string(), "notes.txt".to_owned()]));
}
