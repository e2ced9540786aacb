//! A content that is being written to a disk.

use super::{absent_is_none, blocking, make, part_of, sync_folder};
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use skep_application::{
    files::{StagedBlob, WrittenBlob},
    kernel::StoreError,
};
use skep_domain::files::Checksum;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Bytes are written and hashed in blocks of this size, so that few of them go to another thread.
const BLOCK: usize = 256 << 10;

pub(super) struct DiskStaged {
    /// The bytes that are not in the file yet.
    waiting: Vec<u8>,
    /// `None` while a thread has it, and after an error.
    open: Option<Open>,
    remains: Remains,
}

struct Open {
    file: File,
    hash: Sha256,
    size: u64,
}

/// The file that is removed unless it is published, or arrived in pieces.
struct Remains {
    path: PathBuf,
    stays: bool,
    is_assembled: bool,
}

impl DiskStaged {
    /// Creates the file for the content at `path`, and its folder in `root`.
    pub(super) fn create(root: &Path, path: PathBuf) -> io::Result<Self> {
        let file = part_in(root, &path)?.write(true).create(true).truncate(true).open(part_of(&path))?;
        let open = Some(Open { file, hash: Sha256::new(), size: 0 });
        Ok(Self { waiting: vec![], open, remains: Remains { path, stays: false, is_assembled: false } })
    }

    /// The content at `path` whose pieces are all in the file.
    pub(super) fn assembled(path: PathBuf, (file, hash, size): (File, Sha256, u64)) -> Self {
        let remains = Remains { path, stays: true, is_assembled: true };
        Self { waiting: vec![], open: Some(Open { file, hash, size }), remains }
    }

    /// Writes what waits, and then does `also` with the file.
    async fn flush(&mut self, also: fn(&File) -> io::Result<()>) -> Result<(), StoreError> {
        let (waiting, open) = (std::mem::take(&mut self.waiting), self.open.take());
        let mut open = open.ok_or_else(StoreError::after_error)?;
        let (open, mut waiting) = blocking(move || {
            open.file.write_all(&waiting)?;
            open.hash.update(&waiting);
            open.size += waiting.len() as u64;
            also(&open.file)?;
            Ok((open, waiting))
        })
        .await?;
        waiting.clear();
        (self.waiting, self.open) = (waiting, Some(open));
        Ok(())
    }
}

/// Moves bytes to those that wait, as many as fit into a block. Returns whether the block is full.
pub(super) fn fill(waiting: &mut Vec<u8>, bytes: &mut &[u8]) -> bool {
    let (fitting, rest) = bytes.split_at(bytes.len().min(BLOCK - waiting.len()));
    waiting.extend_from_slice(fitting);
    *bytes = rest;
    waiting.len() == BLOCK
}

/// How to open a file that only its owner can read. Makes its folder in `root`.
pub(super) fn part_in(root: &Path, path: &Path) -> io::Result<OpenOptions> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        make(folder)?;
        sync_folder(root)?;
    }
    let mut options = OpenOptions::new();
    options.mode(0o600);
    Ok(options)
}

#[async_trait]
impl StagedBlob for DiskStaged {
    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        while fill(&mut self.waiting, &mut bytes) {
            self.flush(|_| Ok(())).await?;
        }
        Ok(())
    }

    async fn sync(&mut self) -> Result<WrittenBlob, StoreError> {
        self.flush(File::sync_all).await?;
        let open = self.open.as_ref().ok_or_else(StoreError::after_error)?;
        Ok(WrittenBlob { size: open.size, checksum: Checksum::new(open.hash.clone().finalize().into()) })
    }

    async fn publish(mut self: Box<Self>) -> Result<(), StoreError> {
        if self.open.is_none() || !self.waiting.is_empty() {
            return Err(StoreError::after_error());
        }
        // From here on, the file may have its name.
        self.remains.stays = true;
        let path = self.remains.path.clone();
        let published = blocking(move || {
            fs::rename(part_of(&path), &path)?;
            path.parent().map_or(Ok(()), sync_folder)
        })
        .await;
        // A content that was renamed is no longer there under this name.
        self.remains.stays = published.is_ok() || self.remains.is_assembled;
        published
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        if !self.stays {
            // What cannot be removed now is left to the sweep of contents without a file.
            let _ = absent_is_none(fs::remove_file(part_of(&self.path)));
        }
    }
}
