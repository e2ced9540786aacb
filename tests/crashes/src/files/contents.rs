//! The folder or the bucket of contents, read and aged without the program's code.

use super::{Content, sha256_of};
use crate::bucket::{Bucket, Object};
use skep_journeys::Deployment;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use uuid::Uuid;

/// The end of the name of a content that is not complete.
const PART: &str = ".part";
const SETTING: &str = "SKEP_FILES_DIR";
/// Older than any content without a file may become.
const AGE: Duration = Duration::from_secs(48 * 60 * 60);

/// Gives all instances the same folder.
pub(super) fn share(deployment: &mut Deployment) {
    let folder = deployment.path("files").display().to_string();
    deployment.set(SETTING, folder);
}

/// The folder of contents.
pub(super) fn folder(deployment: &Deployment) -> PathBuf {
    let set = deployment.settings().find(|(name, _)| name == SETTING);
    set.map_or_else(|| deployment.path("data").join("files"), |(_, folder)| folder.into())
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).map(|entries| entries.flatten().collect()).unwrap_or_else(|_| vec![]);
    let paths = entries.iter().map(fs::DirEntry::path);
    // The owner is beside the contents, and not one of them.
    let paths = paths.filter(|path| !path.ends_with("owner"));
    paths.flat_map(|path| if path.is_dir() { self::paths(&path) } else { vec![path] }).collect()
}

/// Every content, complete or not. One that is removed meanwhile does not count.
///
/// # Panics
/// If a file of another name is in the folder.
pub(super) fn all(folder: &Path) -> Vec<Content> {
    let content = |path: PathBuf| {
        let bytes = fs::read(&path).ok()?;
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
        let id = name.strip_suffix(PART).unwrap_or(name).parse().expect("an id");
        let size = i64::try_from(bytes.len()).expect("a small content");
        Some(Content { id, is_published: !name.ends_with(PART), size, sha256: sha256_of(&bytes) })
    };
    paths(folder).into_iter().filter_map(content).collect()
}

/// Makes all contents old, and adds two old ones that have no file, as a restored backup does: a complete one, and one
/// that is not.
///
/// # Panics
/// If a file cannot be written.
pub(super) fn age(folder: &Path) {
    for end in ["", PART] {
        let id = Uuid::from_u128(rand::random());
        let shard = folder.join(format!("{:02x}", id.as_bytes()[15]));
        fs::create_dir_all(&shard).expect("a folder");
        fs::write(shard.join(format!("{id}{end}")), "wax").expect("a content");
    }
    for path in paths(folder) {
        // A content that was cut off may be removed meanwhile.
        if let Ok(file) = fs::File::options().write(true).open(path) {
            file.set_modified(SystemTime::now() - AGE).expect("a time");
        }
    }
}

/// The length of an id in the name of an object.
const ID: usize = 36;
/// What the name of an object with bytes of a content has after its id.
const PIECE: &str = ".piece.";

/// Every content in the bucket, complete or not.
///
/// # Panics
/// If an object of another name is there.
pub(super) fn all_in(bucket: &Bucket) -> Vec<Content> {
    let content = |Object { name, size, sha256 }: Object| {
        let id = name.get(..ID).and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("the name has an id: {name}"));
        let size = i64::try_from(size).expect("a small content");
        Content { id, is_published: name.len() == ID, size, sha256 }
    };
    // The owner is beside the contents, and not one of them. A kill can leave the object of a check for an hour.
    let is_content = |object: &Object| object.name != "owner" && !object.name.starts_with("check.");
    bucket.all().into_iter().filter(is_content).map(content).collect()
}

/// Makes all contents old, and adds two old ones that have no file: a complete one, and a piece of one.
pub(super) fn age_in(bucket: &Bucket) {
    let id = || Uuid::from_u128(rand::random());
    bucket.age(&[id().to_string(), format!("{}{PIECE}{}", id(), id())]);
}
