//! The mock world of files, and a store of contents in memory.

use super::{MockUnit, Seen, World};
use crate::{
    files::{
        AssembledBlob, BlobReader, BlobStore, FilesMocks, KeptBlob, LockedBlob, PartialBlob, SNIFFED_BYTES, StagedBlob,
        WrittenBlob,
    },
    kernel::StoreError,
};
use async_trait::async_trait;
use skep_domain::{
    files::{Checksum, File, FileId, FileImage, FileUsage},
    jobs::Job,
    shared::Timestamp,
};
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A cabinet with files and their pictures in sizes, the usage of their owner, and the job of an archive.
#[derive(Clone, Default)]
pub struct Cabinet {
    /// All files that exist.
    pub files: Vec<File>,
    /// Their pictures in sizes.
    pub images: Vec<FileImage>,
    /// The usage of their owner.
    pub usage: Option<FileUsage>,
    /// The only job, if there is one.
    pub job: Option<Job>,
    /// How many jobs of the same kind wait for the owner.
    pub waiting: u64,
    /// The calls that the units of work have received.
    pub seen: Seen,
}

impl World for Cabinet {
    type Mocks = FilesMocks;

    fn seen(&self) -> &Seen {
        &self.seen
    }

    fn looking(&self) -> MockUnit<FilesMocks> {
        let seen = &self.seen;
        let mut unit: MockUnit<FilesMocks> = seen.looking();
        unit.files.expect_find().returning(seen.finds("files.find", self.files.clone(), |file| file.id));
        let by_link = seen.finds("files.find_by_link", self.files.clone(), |file| file.upload_link);
        unit.files.expect_find_by_link().returning(move |link| by_link(Some(link)));
        unit.files.expect_find_many().returning(seen.finds_many("files.find_many", self.files.clone(), |file| file.id));
        let (images, noted) = (self.images.clone(), seen.clone());
        unit.images.expect_list_of().returning(move |file| {
            noted.note("images.list_of", &[file]);
            Ok(images.iter().filter(|image| image.file_id == file).cloned().collect())
        });
        let usages = Vec::from_iter(self.usage.clone());
        unit.file_usage.expect_find().returning(seen.finds("file_usage.find", usages, |usage| usage.owner_id));
        let jobs = Vec::from_iter(self.job.clone());
        unit.jobs.expect_find().returning(seen.finds("jobs.find", jobs.clone(), |job| job.id));
        let waiting = self.waiting;
        unit.jobs.expect_count_waiting().returning(move |_, _, _| Ok(waiting));
        unit.jobs.expect_find_many().returning(seen.finds_many("jobs.find_many", jobs, |job| job.id));
        unit
    }

    fn open(&self) -> MockUnit<FilesMocks> {
        let (mut unit, seen) = (self.looking(), &self.seen);
        unit.files.expect_insert().returning(seen.stores("files.insert"));
        unit.files.expect_save().returning(seen.saves("files.save", |file: &File| file.version));
        unit.files.expect_delete().returning(seen.stores("files.delete"));
        unit.images.expect_insert().returning(seen.stores("images.insert"));
        unit.images.expect_delete_many().returning(seen.stores_many("images.delete_many"));
        unit.jobs.expect_save_many().returning(seen.stores_many("jobs.save_many"));
        let (insert, other, noted) = (seen.stores("jobs.insert"), self.job.clone(), seen.clone());
        unit.jobs.expect_insert().returning(move |job: &Job| {
            let is_saved = noted.calls().contains(&"jobs.save_many");
            let holds_key = |other: &Job| !is_saved && other.held_key().is_some() && other.held_key() == job.held_key();
            let other = other.clone().filter(holds_key);
            if other.is_none() {
                insert(job)?;
            }
            Ok(other)
        });
        unit.file_usage.expect_insert().returning(seen.stores("file_usage.insert"));
        unit.file_usage.expect_save().returning(seen.saves("file_usage.save", |usage: &FileUsage| usage.version));
        seen.writes(&mut unit);
        unit
    }
}

/// Contents in memory. Their checksum is not a real one: it has the number of bytes and the last byte. A test can make
/// calls fail.
#[derive(Clone, Default)]
pub struct Shelves(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    contents: BTreeMap<uuid::Uuid, Vec<u8>>,
    partial: BTreeMap<uuid::Uuid, Vec<u8>>,
    mark: Option<String>,
    is_held: bool,
    is_full: bool,
    is_away: bool,
}

impl Shelves {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The published contents.
    #[must_use]
    pub fn contents(&self) -> Vec<(FileId, Vec<u8>)> {
        self.kept().contents.iter().map(|(id, content)| (FileId::new(*id), content.clone())).collect()
    }

    /// Keeps a content.
    pub fn put(&self, id: FileId, content: &[u8]) {
        self.kept().contents.insert(id.uuid(), content.to_vec());
    }

    /// Removes a content.
    pub fn remove(&self, id: FileId) {
        self.kept().contents.remove(&id.uuid());
    }

    /// What is kept of a content that arrives in pieces.
    #[must_use]
    pub fn partial(&self, id: FileId) -> Option<Vec<u8>> {
        self.kept().partial.get(&id.uuid()).cloned()
    }

    /// Keeps the first bytes of a content that arrives in pieces.
    pub fn put_partial(&self, id: FileId, bytes: &[u8]) {
        self.kept().partial.insert(id.uuid(), bytes.to_vec());
    }

    /// Lets another writer have each content that arrives in pieces.
    pub fn hold(&self) {
        self.kept().is_held = true;
    }

    /// Makes each write fail, because there is no space.
    pub fn fill_up(&self) {
        self.kept().is_full = true;
    }

    /// Makes each deletion fail.
    pub fn go_away(&self) {
        self.kept().is_away = true;
    }

    /// The checksum of a content on these shelves.
    #[must_use]
    pub fn checksum(content: &[u8]) -> Checksum {
        let mut digest = [content.last().copied().unwrap_or_default(); 32];
        digest[..8].copy_from_slice(&(content.len() as u64).to_be_bytes());
        Checksum::new(digest)
    }
}

struct Staged {
    shelves: Shelves,
    id: FileId,
    content: Vec<u8>,
}

/// A content that arrives in pieces, and the bytes that are not kept yet.
struct Pieces {
    shelves: Shelves,
    id: FileId,
    waiting: Vec<u8>,
}

/// What is left of a content, or the file with a damaged one.
struct Whole(Result<Option<Vec<u8>>, FileId>);

#[async_trait]
impl BlobStore for Shelves {
    async fn stage(&self, id: FileId) -> Result<Box<dyn StagedBlob>, StoreError> {
        Ok(Box::new(Staged { shelves: self.clone(), id, content: vec![] }))
    }

    async fn lock(&self, id: FileId) -> Result<Option<Box<dyn LockedBlob>>, StoreError> {
        let pieces = || Box::new(Pieces { shelves: self.clone(), id, waiting: vec![] }) as Box<dyn LockedBlob>;
        Ok((!self.kept().is_held).then(pieces))
    }

    async fn open(&self, id: FileId, _: Option<Range<u64>>) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        let content = self.kept().contents.get(&id.uuid()).cloned();
        Ok(content.map(|content| Box::new(Whole(Ok(Some(content)))) as Box<dyn BlobReader>))
    }

    async fn open_whole(&self, id: FileId, expected: WrittenBlob) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        let content = self.kept().contents.get(&id.uuid()).cloned();
        let is_same = |content: &Vec<u8>| Self::checksum(content) == expected.checksum;
        let read = content.map(|content| Whole(if is_same(&content) { Ok(Some(content)) } else { Err(id) }));
        Ok(read.map(|read| Box::new(read) as Box<dyn BlobReader>))
    }

    async fn delete(&self, id: FileId) -> Result<(), StoreError> {
        let mut kept = self.kept();
        if kept.is_away {
            return Err(super::away());
        }
        kept.contents.remove(&id.uuid());
        kept.partial.remove(&id.uuid());
        Ok(())
    }

    /// All were written a millisecond after the first of all times.
    async fn list(&self, after: Option<FileId>, limit: u32) -> Result<Vec<KeptBlob>, StoreError> {
        let follows = |id: &FileId| after.is_none_or(|after| after < *id);
        let ids = self.contents().into_iter().map(|(id, _)| id).filter(follows).take(limit as usize);
        Ok(ids.map(|id| KeptBlob { id, written_at: Timestamp::MIN.plus_millis(1) }).collect())
    }

    async fn claim(&self, mark: &str) -> Result<String, StoreError> {
        Ok(self.kept().mark.get_or_insert_with(|| mark.to_owned()).clone())
    }

    async fn owner(&self) -> Result<Option<String>, StoreError> {
        Ok(self.kept().mark.clone())
    }
}

#[async_trait]
impl StagedBlob for Staged {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if self.shelves.kept().is_full {
            return Err(StoreError::Full("no space".into()));
        }
        self.content.extend_from_slice(bytes);
        Ok(())
    }

    async fn sync(&mut self) -> Result<WrittenBlob, StoreError> {
        Ok(WrittenBlob { size: self.content.len() as u64, checksum: Shelves::checksum(&self.content) })
    }

    async fn publish(self: Box<Self>) -> Result<(), StoreError> {
        self.shelves.put(self.id, &self.content);
        self.shelves.kept().partial.remove(&self.id.uuid());
        Ok(())
    }
}

#[async_trait]
impl LockedBlob for Pieces {
    fn is_exclusive(&self) -> bool {
        let kept = self.shelves.kept();
        kept.contents.contains_key(&self.id.uuid()) || kept.partial.contains_key(&self.id.uuid())
    }

    async fn resume(self: Box<Self>, offset: u64) -> Result<Option<Box<dyn PartialBlob>>, StoreError> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut kept = self.shelves.kept();
        let published = kept.contents.remove(&self.id.uuid());
        kept.partial.entry(self.id.uuid()).or_insert(published.unwrap_or_default()).truncate(offset);
        drop(kept);
        Ok(Some(self))
    }
}

#[async_trait]
impl PartialBlob for Pieces {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if self.shelves.kept().is_full {
            return Err(StoreError::Full("no space".into()));
        }
        self.waiting.extend_from_slice(bytes);
        Ok(())
    }

    async fn sync(&mut self) -> Result<u64, StoreError> {
        let mut kept = self.shelves.kept();
        let bytes = kept.partial.entry(self.id.uuid()).or_default();
        bytes.append(&mut self.waiting);
        Ok(bytes.len() as u64)
    }

    async fn assemble(mut self: Box<Self>) -> Result<AssembledBlob, StoreError> {
        self.sync().await?;
        let content = self.shelves.partial(self.id).unwrap_or_default();
        let beginning = content[..content.len().min(SNIFFED_BYTES)].to_vec();
        let staged = Staged { shelves: self.shelves.clone(), id: self.id, content };
        Ok(AssembledBlob { beginning, staged: Box::new(staged) })
    }
}

#[async_trait]
impl BlobReader for Whole {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let rest = self.0.as_mut().map_err(|id| StoreError::corrupt("files", *id, "is damaged"))?;
        Ok(rest.take())
    }
}
