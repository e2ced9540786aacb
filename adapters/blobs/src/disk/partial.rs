//! A content that arrives in pieces.

use super::{
    absent_is_none, blocking, part_of,
    staged::{DiskStaged, fill, part_in},
    sync_folder,
};
use crate::memory::PIECE;
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use skep_application::{
    files::{AssembledBlob, LockedBlob, PartialBlob, SNIFFED_BYTES},
    kernel::StoreError,
};
use skep_domain::files::FileId;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Keeps other writers from a content, by a lock on its file. The lock ends with the process, so a crash leaves none.
pub(super) struct DiskLocked {
    root: Arc<Path>,
    id: FileId,
    /// Where the content is when it is published.
    path: PathBuf,
    /// Under which of its names the content was found, if it exists.
    found: Option<(PathBuf, File)>,
}

/// Has the file locked until it is dropped.
pub(super) struct DiskPartial {
    path: PathBuf,
    /// The bytes that are not in the file yet.
    waiting: Vec<u8>,
    /// `None` while a thread has it, and after an error.
    open: Option<(File, u64)>,
}

impl DiskLocked {
    /// Locks the content at `path`, if it exists. `None` if another writer has it.
    pub(super) fn lock(root: Arc<Path>, id: FileId, path: PathBuf) -> io::Result<Option<Self>> {
        for name in [part_of(&path), path.clone()] {
            let Some(file) = absent_is_none(OpenOptions::new().read(true).write(true).open(&name))? else { continue };
            let is_free = lock(&file)? && is_named(&file, &name)?;
            return Ok(is_free.then(|| Self { root, id, path, found: Some((name, file)) }));
        }
        Ok(Some(Self { root, id, path, found: None }))
    }

    /// Cuts the content off at `offset`. `None` if another writer has begun it meanwhile.
    fn cut(self, offset: u64) -> io::Result<Result<Option<DiskPartial>, NotSoLong>> {
        let Self { root, path, found, .. } = self;
        let part = part_of(&path);
        let (file, is_renamed) = match found {
            Some((name, file)) => (file, name != part),
            None if offset > 0 => return Ok(Err(NotSoLong)),
            None => {
                let new = part_in(&root, &path)?.read(true).write(true).create_new(true).open(&part);
                match new {
                    Ok(file) if lock(&file)? => (file, false),
                    Ok(_) => return Ok(Ok(None)),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(Ok(None)),
                    Err(error) => return Err(error),
                }
            }
        };
        if file.metadata()?.len() < offset {
            return Ok(Err(NotSoLong));
        }
        if is_renamed {
            // It was published, but its file did not become ready.
            fs::rename(&path, &part)?;
        }
        path.parent().map_or(Ok(()), sync_folder)?;
        let mut file = file;
        file.set_len(offset)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Ok(Some(DiskPartial { path, waiting: vec![], open: Some((file, offset)) })))
    }
}

/// The content has fewer bytes than expected.
struct NotSoLong;

/// Locks the file for this writer. Returns whether it was free.
fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether the file still has this name. The writer before may have published or deleted the content after it was opened.
fn is_named(file: &File, name: &Path) -> io::Result<bool> {
    let (known, named) = (file.metadata()?, absent_is_none(fs::metadata(name))?);
    Ok(named.is_some_and(|named| (named.dev(), named.ino()) == (known.dev(), known.ino())))
}

#[async_trait]
impl LockedBlob for DiskLocked {
    fn is_exclusive(&self) -> bool {
        self.found.is_some()
    }

    async fn resume(self: Box<Self>, offset: u64) -> Result<Option<Box<dyn PartialBlob>>, StoreError> {
        let id = self.id;
        let cut = blocking(move || self.cut(offset)).await?;
        let partial = cut.map_err(|NotSoLong| StoreError::corrupt("files", id, "bytes of an upload are missing"))?;
        Ok(partial.map(|partial| Box::new(partial) as Box<dyn PartialBlob>))
    }
}

impl DiskPartial {
    /// Writes what waits, and then does `also` with the file.
    async fn flush(&mut self, also: fn(&File) -> io::Result<()>) -> Result<u64, StoreError> {
        let (waiting, open) = (std::mem::take(&mut self.waiting), self.open.take());
        let (mut file, size) = open.ok_or_else(StoreError::after_error)?;
        let (file, mut waiting) = blocking(move || {
            file.write_all(&waiting)?;
            also(&file)?;
            Ok((file, waiting))
        })
        .await?;
        let size = size + waiting.len() as u64;
        waiting.clear();
        (self.waiting, self.open) = (waiting, Some((file, size)));
        Ok(size)
    }
}

#[async_trait]
impl PartialBlob for DiskPartial {
    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        while fill(&mut self.waiting, &mut bytes) {
            self.flush(|_| Ok(())).await?;
        }
        Ok(())
    }

    async fn sync(&mut self) -> Result<u64, StoreError> {
        self.flush(File::sync_all).await
    }

    async fn assemble(mut self: Box<Self>) -> Result<AssembledBlob, StoreError> {
        self.flush(File::sync_all).await?;
        let (file, _) = self.open.take().ok_or_else(StoreError::after_error)?;
        let path = self.path;
        blocking(move || {
            let (file, hash, size, beginning) = read_whole(file)?;
            Ok(AssembledBlob { beginning, staged: Box::new(DiskStaged::assembled(path, (file, hash, size))) })
        })
        .await
    }
}

fn read_whole(mut file: File) -> io::Result<(File, Sha256, u64, Vec<u8>)> {
    let (mut hash, mut size, mut beginning) = (Sha256::new(), 0, vec![]);
    let mut piece = vec![0; PIECE];
    file.seek(SeekFrom::Start(0))?;
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((file, hash, size, beginning));
        }
        hash.update(&piece[..read]);
        size += read as u64;
        let wanted = (SNIFFED_BYTES - beginning.len()).min(read);
        beginning.extend_from_slice(&piece[..wanted]);
    }
}
