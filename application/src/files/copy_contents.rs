//! Copying the contents of all files from one store to another, as `skep files move` does.
//!
//! The rows say which contents there are, so a content without a row is not copied. A content is published in the target
//! only after it was compared with its checksum, and the source is only read. So a copy can be stopped at any moment, and
//! the next one passes over what is there.

use super::{BlobReader, BlobStore, Damage, FileQueries, FileView, FilesTx, WrittenBlob, content_owner::ContentOwner};
use crate::{
    kernel::{Actor, Begin, ListError, PageRequest, Reader, Runtime, Scope, StoreError, TxMode, run},
    operations::Migrations,
};
use skep_domain::{
    files::{FileId, FileState, actions},
    shared::{Direction, PageLimit, Timestamp},
};
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

/// The most contents that are copied at the same time. Each one needs about as much memory as an upload.
pub(super) const AT_ONCE: usize = 4;
/// After so many contents in a row that could not be read or written, the other ones are not tried.
const FAILURES: u32 = 5;
/// Files are counted up to this number.
const COUNTED: u32 = 1_000_000;

/// From where to where contents are copied, and how.
pub struct CopyContentsCommand {
    /// The store that is read. Nothing in it is changed.
    pub from: Arc<dyn BlobStore>,
    /// The store that is written.
    pub to: Arc<dyn BlobStore>,
    /// Whether a content that the target has is not read there. Otherwise it is compared with its checksum.
    pub only_missing: bool,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// Why a content is not in the target after the copy.
#[derive(Debug)]
pub enum NotCopied {
    /// The source has no content, or a wrong one.
    Damaged(Damage),
    /// It could not be read or written.
    Failed(StoreError),
}

/// What [`CopyContents`] has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CopiedContents {
    /// How many files there are, if they were counted. At 1,000,000, there may be more.
    pub files_in_all: Option<u64>,
    /// The number of files that are done. A page of them is done at once.
    pub files: u64,
    /// The contents that were copied, or would be.
    pub copied: u64,
    /// The bytes of contents that were written, also of those that are not complete. In a dry run, those that would be.
    pub copied_bytes: u64,
    /// The contents that were in the target already.
    pub present: u64,
    /// Their bytes.
    pub present_bytes: u64,
    /// The contents that are not in the target for a reason.
    pub not_copied: u64,
    /// The uploads in pieces that are open. What has arrived of them is not copied.
    pub open_uploads: u64,
}

/// Gets what a copy does. Its methods are called often, and have to return soon.
pub trait CopyReport: Send + Sync {
    /// Something was read or written.
    fn progress(&self, so_far: &CopiedContents);
    /// A content of this file is not in the target. `is_picture` says that it is a picture of the file in a size.
    fn not_copied(&self, file: &FileView, is_picture: bool, reason: &NotCopied);
}

/// Copies the contents of all files that the actor may see, and of their pictures in sizes.
pub struct CopyContents {
    files: Reader<dyn FileQueries>,
    store: Arc<dyn Begin<dyn FilesTx>>,
    owner: ContentOwner,
    runtime: Runtime,
}

/// A content that a row describes.
struct Described {
    id: FileId,
    expected: WrittenBlob,
    file: FileView,
    /// The longest side of a picture in a size.
    side: Option<u32>,
}

/// A copy that runs.
struct Copying<'a> {
    files: &'a dyn FileQueries,
    command: &'a CopyContentsCommand,
    report: &'a dyn CopyReport,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    so_far: CopiedContents,
    failures_in_a_row: u32,
}

/// What was done with a content.
enum Outcome {
    Copied,
    Present,
    NotCopied(NotCopied),
}

impl CopyContents {
    /// Reads files and their pictures from these stores. `migrations` are those of the same store.
    #[must_use]
    pub fn new(
        files: Arc<dyn FileQueries>,
        store: Arc<dyn Begin<dyn FilesTx>>,
        migrations: Arc<dyn Migrations>,
        runtime: Runtime,
    ) -> Self {
        let owner = ContentOwner::new(migrations, files.clone());
        Self { files: Reader::new(actions::READ_FILE, files), store, owner, runtime }
    }

    /// Copies every content, those of the oldest files first, and a few at the same time. One that cannot be copied does
    /// not stop the other ones. A file that is deleted meanwhile does not count.
    ///
    /// # Errors
    /// [`ListError`]: `Corrupt` if the target has the contents of another store, `Full` if it is full, and the last error if contents in a row could be neither read nor written.
    pub async fn execute(
        &self,
        actor: &Actor,
        command: &CopyContentsCommand,
        report: &dyn CopyReport,
    ) -> Result<CopiedContents, ListError> {
        let (files, scope) = self.files.scoped(actor)?;
        // The sweep of another store would delete what is copied.
        match command.dry_run {
            true => self.owner.look(&*command.to).await?,
            false => self.owner.claim(&*command.to).await?,
        }
        let copying = Copying { files, command, report, counts: Mutex::default() };
        self.copy_all(&copying, scope).await?;
        self.copy_quarantined(&copying).await?;
        copying.count_open_uploads().await?;
        let so_far = copying.counts().so_far;
        Ok(so_far)
    }

    async fn copy_all(&self, copying: &Copying<'_>, scope: Scope) -> Result<(), StoreError> {
        let mut page = PageRequest { limit: PageLimit::MAX, after: None, count_up_to: Some(COUNTED) };
        loop {
            let found = copying.files.list_files(scope, Direction::Ascending, &page).await?;
            if let Some(total) = found.total {
                copying.count(|so_far| so_far.files_in_all = Some(total.count));
            }
            let files: Vec<FileView> = found.items.iter().filter_map(FileView::of).collect();
            let count = files.len() as u64;
            let contents = self.describe(files).await?;
            at_once(contents.iter().map(|content| Box::pin(copying.copy_one(content)) as Task<'_>)).await?;
            copying.count(|so_far| so_far.files += count);
            if found.next.is_none() {
                return Ok(());
            }
            (page.after, page.count_up_to) = (found.next, None);
        }
    }

    /// Copies the contents that wait for the scanner. One that is judged between the list of the files that are ready and
    /// this one is in neither, like one that is uploaded meanwhile, so the last run has no server beside it.
    async fn copy_quarantined(&self, copying: &Copying<'_>) -> Result<(), StoreError> {
        let (limit, mut last) = (100, None);
        loop {
            let found = copying.files.list_quarantined_files(last, limit).await?;
            for id in &found {
                let file = copying.files.find_file(*id).await?.filter(|file| file.state != FileState::Infected);
                let Some(file) = file.as_ref().and_then(FileView::of) else { continue };
                let content = Described { id: *id, expected: file.written(), file, side: None };
                copying.copy_one(&content).await?;
                copying.count(|so_far| so_far.files += 1);
            }
            if found.len() < limit as usize {
                return Ok(());
            }
            last = found.last().copied();
        }
    }

    /// The contents of these files, and of their pictures in sizes.
    async fn describe(&self, files: Vec<FileView>) -> Result<Vec<Described>, StoreError> {
        let with_pictures: Vec<&FileView> = files.iter().filter(|file| file.media_type.is_scalable()).collect();
        let mut pictures = self.pictures(&with_pictures).await?;
        pictures.extend(files.into_iter().map(|file| Described {
            id: file.id,
            expected: file.written(),
            file,
            side: None,
        }));
        Ok(pictures)
    }

    async fn pictures(&self, files: &[&FileView]) -> Result<Vec<Described>, StoreError> {
        if files.is_empty() {
            return Ok(vec![]);
        }
        run(&self.runtime, None, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Read, &[]).await?;
            let found = pictures_in(&mut *unit, files).await;
            attempt.end(unit, found).await
        })
        .await
    }
}

async fn pictures_in(unit: &mut dyn FilesTx, files: &[&FileView]) -> Result<Vec<Described>, StoreError> {
    let mut pictures = vec![];
    for file in files {
        pictures.extend(unit.images().list_of(file.id).await?.into_iter().map(|image| {
            let expected = WrittenBlob { size: image.content.size, checksum: image.content.checksum };
            Described { id: image.id, expected, file: (*file).clone(), side: Some(image.side) }
        }));
    }
    Ok(pictures)
}

impl Copying<'_> {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: impl FnOnce(&mut CopiedContents)) {
        let mut counts = self.counts();
        change(&mut counts.so_far);
        let so_far = counts.so_far;
        drop(counts);
        self.report.progress(&so_far);
    }

    async fn copy_one(&self, content: &Described) -> Result<(), StoreError> {
        let outcome = match self.copy(content).await {
            Ok(outcome) => outcome,
            Err(full @ StoreError::Full(_)) => return Err(full),
            Err(error) => Outcome::NotCopied(NotCopied::Failed(error)),
        };
        let size = content.expected.size;
        let reason = match outcome {
            Outcome::Copied | Outcome::Present => {
                self.counts().failures_in_a_row = 0;
                self.count(|so_far| match outcome {
                    Outcome::Present => {
                        (so_far.present, so_far.present_bytes) = (so_far.present + 1, so_far.present_bytes + size)
                    }
                    _ => so_far.copied += 1,
                });
                return Ok(());
            }
            Outcome::NotCopied(reason) => reason,
        };
        if !self.exists(content).await? {
            return Ok(());
        }
        self.count(|so_far| so_far.not_copied += 1);
        self.report.not_copied(&content.file, content.side.is_some(), &reason);
        let NotCopied::Failed(error) = reason else { return Ok(()) };
        let mut counts = self.counts();
        counts.failures_in_a_row += 1;
        if counts.failures_in_a_row < FAILURES { Ok(()) } else { Err(error) }
    }

    async fn copy(&self, content: &Described) -> Result<Outcome, StoreError> {
        let CopyContentsCommand { from, to, dry_run, .. } = self.command;
        if self.is_present(content).await? {
            return Ok(Outcome::Present);
        }
        let Some(mut source) = from.open_whole(content.id, content.expected).await? else {
            return Ok(Outcome::NotCopied(NotCopied::Damaged(Damage::Missing)));
        };
        if *dry_run {
            self.count(|so_far| so_far.copied_bytes += content.expected.size);
            return Ok(Outcome::Copied);
        }
        let mut staged = to.stage(content.id).await?;
        loop {
            match source.read().await {
                Ok(Some(piece)) => {
                    staged.write(&piece).await?;
                    self.count(|so_far| so_far.copied_bytes += piece.len() as u64);
                }
                Ok(None) => break,
                Err(StoreError::Corrupt(_)) => return Ok(Outcome::NotCopied(NotCopied::Damaged(Damage::Different))),
                Err(error) => return Err(error),
            }
        }
        if staged.sync().await? != content.expected {
            return Err(StoreError::corrupt("files", content.id, "the target has received other bytes"));
        }
        staged.publish().await?;
        Ok(Outcome::Copied)
    }

    /// Whether the target has the content.
    async fn is_present(&self, content: &Described) -> Result<bool, StoreError> {
        let to = &self.command.to;
        if self.command.only_missing {
            return Ok(to.open(content.id, Some(0..0)).await?.is_some());
        }
        match to.open_whole(content.id, content.expected).await? {
            Some(reader) => is_intact(reader).await,
            None => Ok(false),
        }
    }

    /// Whether the content is still described by a row.
    async fn exists(&self, content: &Described) -> Result<bool, StoreError> {
        Ok(match content.side {
            Some(side) => {
                self.files.find_image(content.file.id, side).await?.is_some_and(|image| image.id == content.id)
            }
            None => {
                let file = self.files.find_file(content.id).await?;
                file.is_some_and(|now| matches!(now.state, FileState::Quarantined | FileState::Ready))
            }
        })
    }

    /// Counts the uploads of which bytes have arrived.
    async fn count_open_uploads(&self) -> Result<(), StoreError> {
        let (limit, mut last) = (100, None);
        loop {
            // Each upload in pieces has expired at the last of all times. Other uploads are left out.
            let found = self.files.list_removable_files(Timestamp::MIN, Timestamp::MAX, last, limit).await?;
            for id in &found {
                let file = self.files.find_file(*id).await?.filter(|file| file.state == FileState::Uploading);
                let arrived = file.and_then(|file| file.resumable).is_some_and(|resumable| resumable.offset > 0);
                self.count(|so_far| so_far.open_uploads += u64::from(arrived));
            }
            if found.len() < limit as usize {
                return Ok(());
            }
            last = found.last().copied();
        }
    }
}

async fn is_intact(mut reader: Box<dyn BlobReader>) -> Result<bool, StoreError> {
    loop {
        match reader.read().await {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(true),
            Err(StoreError::Corrupt(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

pub(super) type Task<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// Runs tasks, at most [`AT_ONCE`] at the same time. The first error drops the other ones.
pub(super) async fn at_once<'a>(mut waiting: impl Iterator<Item = Task<'a>> + Send) -> Result<(), StoreError> {
    let mut running: Vec<Task<'a>> = waiting.by_ref().take(AT_ONCE).collect();
    poll_fn(|context| {
        let mut at = 0;
        while let Some(task) = running.get_mut(at) {
            match task.as_mut().poll(context) {
                Poll::Pending => at += 1,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => match waiting.next() {
                    Some(next) => *task = next,
                    None => drop(running.remove(at)),
                },
            }
        }
        if running.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}
