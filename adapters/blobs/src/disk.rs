//! Contents on a disk.

mod partial;
mod staged;

use crate::{memory::PIECE, verified::Verified};
use async_trait::async_trait;
use partial::DiskLocked;
use skep_application::{
    files::{BlobReader, BlobStore, KeptBlob, LockedBlob, StagedBlob, WrittenBlob},
    kernel::StoreError,
};
use skep_domain::{files::FileId, shared::Timestamp};
use staged::DiskStaged;
use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// The end of the name of a content that is not published.
const PART: &str = ".part";
/// The file with the mark of the store that the contents belong to.
const OWNER: &str = "owner";
/// The folders that contents are spread over. The last byte of an id is random.
const SHARDS: u16 = 256;

/// Keeps each content in a file `XX/ID`, where `XX` is the last byte of the id. While it is written, the name ends with
/// `.part`. Only the owner of the folder can read it.
#[derive(Debug, Clone)]
pub struct DiskBlobs {
    folder: Arc<Path>,
}

impl DiskBlobs {
    /// Keeps contents in this folder, which is made if it does not exist.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder: PathBuf = folder.into();
        make(&folder)?;
        Ok(Self { folder: folder.into() })
    }

    fn shard(&self, number: u8) -> PathBuf {
        self.folder.join(format!("{number:02x}"))
    }

    fn path(&self, id: FileId) -> PathBuf {
        self.shard(shard_of(id.uuid())).join(id.to_string())
    }
}

const fn shard_of(id: Uuid) -> u8 {
    id.as_bytes()[15]
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    name.into()
}

/// Stores a mark, unless there is one. An empty file is what a crash has left of another attempt.
fn claim(folder: &Path, mark: String) -> io::Result<String> {
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(folder.join(OWNER))?;
    file.lock()?;
    let mut found = String::new();
    file.read_to_string(&mut found)?;
    if !found.is_empty() {
        return Ok(found);
    }
    file.write_all(mark.as_bytes())?;
    file.sync_all()?;
    sync_folder(folder)?;
    Ok(mark)
}

/// Classifies an error of the file system.
fn store_error(error: io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreError::Full(error.into()),
        _ => StoreError::Unavailable(error.into()),
    }
}

/// Does work that waits for the disk on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, StoreError> {
    spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.into()))?.map_err(store_error)
}

fn absent_is_none<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl BlobStore for DiskBlobs {
    async fn stage(&self, id: FileId) -> Result<Box<dyn StagedBlob>, StoreError> {
        let (folder, path) = (Arc::clone(&self.folder), self.path(id));
        Ok(Box::new(blocking(move || DiskStaged::create(&folder, path)).await?))
    }

    async fn lock(&self, id: FileId) -> Result<Option<Box<dyn LockedBlob>>, StoreError> {
        let (folder, path) = (Arc::clone(&self.folder), self.path(id));
        let locked = blocking(move || DiskLocked::lock(folder, id, path)).await?;
        Ok(locked.map(|locked| Box::new(locked) as Box<dyn LockedBlob>))
    }

    async fn open(&self, id: FileId, range: Option<Range<u64>>) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        let path = self.path(id);
        let opened = blocking(move || {
            let Some(mut file) = absent_is_none(File::open(path))? else { return Ok(None) };
            let range = range.unwrap_or(0..u64::MAX);
            file.seek(SeekFrom::Start(range.start))?;
            Ok(Some(DiskReader { file: Some(file), left: range.end.saturating_sub(range.start) }))
        });
        Ok(opened.await?.map(|reader| Box::new(reader) as Box<dyn BlobReader>))
    }

    async fn open_whole(&self, id: FileId, expected: WrittenBlob) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        let opened = self.open(id, None).await?;
        Ok(opened.map(|pieces| Box::new(Verified::new(id, pieces, expected)) as Box<dyn BlobReader>))
    }

    async fn delete(&self, id: FileId) -> Result<(), StoreError> {
        let path = self.path(id);
        blocking(move || {
            absent_is_none(fs::remove_file(part_of(&path)))?;
            absent_is_none(fs::remove_file(path)).map(drop)
        })
        .await
    }

    async fn list(&self, after: Option<FileId>, limit: u32) -> Result<Vec<KeptBlob>, StoreError> {
        let (blobs, after) = (self.clone(), after.map(FileId::uuid));
        blocking(move || {
            let mut found = vec![];
            for shard in after.map_or(0, shard_of).into()..SHARDS {
                let Ok(shard) = u8::try_from(shard) else { break };
                let after = after.filter(|after| shard_of(*after) == shard);
                let kept = kept_in(&blobs.shard(shard))?;
                let kept = kept.into_iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
                found.extend(kept.map(|(id, written_at)| KeptBlob { id: FileId::new(id), written_at }));
                if found.len() >= limit as usize {
                    break;
                }
            }
            found.truncate(limit as usize);
            Ok(found)
        })
        .await
    }

    async fn claim(&self, mark: &str) -> Result<String, StoreError> {
        let (folder, mark) = (Arc::clone(&self.folder), mark.to_owned());
        blocking(move || claim(&folder, mark)).await
    }

    async fn owner(&self) -> Result<Option<String>, StoreError> {
        let path = self.folder.join(OWNER);
        let found = blocking(move || absent_is_none(fs::read_to_string(path))).await?;
        Ok(found.filter(|mark| !mark.is_empty()))
    }
}

/// The contents in a folder, each with the time of its last write. Other files do not count.
fn kept_in(folder: &Path) -> io::Result<BTreeMap<Uuid, Timestamp>> {
    let mut kept = BTreeMap::new();
    let Some(entries) = absent_is_none(fs::read_dir(folder))? else { return Ok(kept) };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().map(|name| name.strip_suffix(PART).unwrap_or(name));
        let Some(id) = name.and_then(|name| name.parse::<FileId>().ok()) else { continue };
        // It may be published or deleted meanwhile.
        let Some(metadata) = absent_is_none(entry.metadata())? else { continue };
        let age = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let written = i64::try_from(age.as_millis()).ok().and_then(|millis| Timestamp::from_millis(millis).ok());
        let written = written.unwrap_or(Timestamp::MAX);
        kept.entry(id.uuid()).and_modify(|known: &mut Timestamp| *known = written.max(*known)).or_insert(written);
    }
    Ok(kept)
}

/// A content that is being read.
struct DiskReader {
    /// `None` after an error and at the end.
    file: Option<File>,
    left: u64,
}

#[async_trait]
impl BlobReader for DiskReader {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(file) = self.file.take() else { return Ok(None) };
        let most = self.left.min(PIECE as u64);
        let (file, piece) = blocking(move || {
            let mut piece = Vec::with_capacity(PIECE);
            let mut limited = file.take(most);
            limited.read_to_end(&mut piece)?;
            Ok((limited.into_inner(), piece))
        })
        .await?;
        if piece.is_empty() {
            return Ok(None);
        }
        self.left -= piece.len() as u64;
        self.file = Some(file);
        Ok(Some(piece))
    }
}

#[cfg(test)]
mod tests;
