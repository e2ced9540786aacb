//! A content that arrives in pieces.

use super::{
    absent_is_none, blocking, part_of,
    staged::{DiskStaged, part_in},
    sync_folder,
};
use crate::memory::PIECE;
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use skep_application::{
    files::{AssembledBlob, PartialBlob, SNIFFED_BYTES},
    kernel::StoreError,
};
use skep_domain::files::FileId;
use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Bytes are written in blocks of this size, so that few of them go to another thread.
const BLOCK: usize = 256 << 10;

/// Has the file locked until it is dropped. The lock ends with the process, so a crash leaves none.
pub(super) struct DiskPartial {
    path: PathBuf,
    /// The bytes that are not in the file yet.
    waiting: Vec<u8>,
    /// `None` while a thread has it, and after an error.
    open: Option<(File, u64)>,
}

/// Why a content was not opened.
pub(super) enum NotResumed {
    /// Another writer has it.
    Held,
    /// It has fewer bytes than expected.
    Short,
}

impl DiskPartial {
    /// Opens the file for the content at `path`, and cuts it off at `offset`.
    pub(super) fn open(root: &Path, path: PathBuf, offset: u64) -> io::Result<Result<Self, NotResumed>> {
        let part = part_of(&path);
        if !part.exists() && absent_is_none(fs::rename(&path, &part))?.is_some() {
            // It was published, but its file did not become ready.
            path.parent().map_or(Ok(()), sync_folder)?;
        }
        let is_new = !part.exists();
        if is_new && offset > 0 {
            return Ok(Err(NotResumed::Short));
        }
        let mut file = part_in(root, &path)?.read(true).write(true).create(true).truncate(false).open(&part)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Err(NotResumed::Held)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // The writer before may have published or deleted the content after it was opened here.
        let (known, named) = (file.metadata()?, absent_is_none(fs::metadata(&part))?);
        if named.is_none_or(|named| (named.dev(), named.ino()) != (known.dev(), known.ino())) {
            return Ok(Err(NotResumed::Held));
        }
        if known.len() < offset {
            return Ok(Err(NotResumed::Short));
        }
        file.set_len(offset)?;
        file.seek(SeekFrom::Start(offset))?;
        if is_new {
            path.parent().map_or(Ok(()), sync_folder)?;
        }
        Ok(Ok(Self { path, waiting: vec![], open: Some((file, offset)) }))
    }

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
        while !bytes.is_empty() {
            let fitting = bytes.len().min(BLOCK - self.waiting.len());
            self.waiting.extend_from_slice(&bytes[..fitting]);
            bytes = &bytes[fitting..];
            if self.waiting.len() == BLOCK {
                self.flush(|_| Ok(())).await?;
            }
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

/// The result of opening a content, as the port has it.
pub(super) fn resumed(
    id: FileId,
    opened: Result<DiskPartial, NotResumed>,
) -> Result<Option<Box<dyn PartialBlob>>, StoreError> {
    match opened {
        Ok(partial) => Ok(Some(Box::new(partial))),
        Err(NotResumed::Held) => Ok(None),
        Err(NotResumed::Short) => Err(StoreError::corrupt("files", id, "bytes of an upload are missing")),
    }
}
