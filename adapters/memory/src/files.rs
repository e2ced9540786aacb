//! Files, and how much users keep.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules, page};
use async_trait::async_trait;
use skep_application::{
    files::{
        FileImageRepository, FileQueries, FileRepository, FileUsageRepository,
        constraints::{FILE_ID, FILE_IMAGE_FILE, FILE_IMAGE_ID, FILE_IMAGE_SIDE, FILE_UPLOAD_LINK, FILE_USAGE_OWNER},
        file_position,
    },
    kernel::{Page, PageRequest, Scope, StoreError},
};
use skep_domain::{
    files::{File, FileId, FileImage, FileState, FileUsage, Resumable, UploadLinkId},
    shared::{Direction, Timestamp, UserId, Version},
};

impl Row for File {
    type Key = FileId;
    const RULES: Rules<Self> = Rules {
        unique: &[(FILE_UPLOAD_LINK, |one, other| one.upload_link.is_some() && one.upload_link == other.upload_link)],
        saved: |file, stored| {
            let (size, content, state, updated_at) = (file.size, file.content.clone(), file.state, file.updated_at);
            let resumable = stored.resumable.clone().map(|stored| match &file.resumable {
                Some(saved) => Resumable { offset: saved.offset, appender: saved.appender, ..stored },
                None => stored,
            });
            let (delete_at, upload_link) = (file.delete_at, file.upload_link);
            Self { size, content, state, resumable, delete_at, upload_link, updated_at, ..stored.clone() }
        },
        ..Rules::of(FILE_ID, |file| file.id, |file| &mut file.version)
    };
}

impl Row for FileUsage {
    type Key = UserId;
    const RULES: Rules<Self> = Rules::of(FILE_USAGE_OWNER, |usage| usage.owner_id, |usage| &mut usage.version);
}

#[async_trait]
impl FileRepository for MemoryUnit {
    async fn find(&mut self, id: FileId) -> Done<Option<File>> {
        self.run(|state| Ok(state.files.get(id).cloned())).await
    }
    async fn find_many(&mut self, ids: &[FileId]) -> Done<Vec<File>> {
        self.run(|state| Ok(state.files.many(ids))).await
    }
    async fn find_by_link(&mut self, link: UploadLinkId) -> Done<Option<File>> {
        self.run(|state| Ok(state.files.rows().find(|file| file.upload_link == Some(link)).cloned())).await
    }
    async fn insert(&mut self, file: &File) -> Done<()> {
        self.run(|state| state.files.insert(file)).await
    }
    async fn save(&mut self, file: &File) -> Done<Version> {
        self.run(|state| state.files.save(file)).await
    }
    async fn delete(&mut self, file: &File) -> Done<()> {
        self.run(|state| {
            if state.file_images.values().any(|image| image.file_id == file.id) {
                return Err(StoreError::Referenced { constraint: FILE_IMAGE_FILE });
            }
            state.files.delete(file)
        })
        .await
    }
}

#[async_trait]
impl FileImageRepository for MemoryUnit {
    async fn list_of(&mut self, file: FileId) -> Done<Vec<FileImage>> {
        self.run(|state| {
            let of_file = state.file_images.values().filter(|image| image.file_id == file);
            let mut images: Vec<_> = of_file.cloned().collect();
            images.sort_by_key(|image| image.side);
            Ok(images)
        })
        .await
    }
    async fn insert(&mut self, image: &FileImage) -> Done<()> {
        self.run(|state| {
            if state.file_images.contains_key(&image.id) {
                return Err(StoreError::Duplicate { constraint: FILE_IMAGE_ID });
            }
            let is_same = |other: &FileImage| (other.file_id, other.side) == (image.file_id, image.side);
            if state.file_images.values().any(is_same) {
                return Err(StoreError::Duplicate { constraint: FILE_IMAGE_SIDE });
            }
            if state.files.get(image.file_id).is_none() {
                return Err(StoreError::Referenced { constraint: FILE_IMAGE_FILE });
            }
            state.file_images.insert(image.id, image.clone());
            Ok(())
        })
        .await
    }
    async fn delete_many(&mut self, ids: &[FileId]) -> Done<()> {
        self.run(|state| {
            state.file_images.retain(|id, _| !ids.contains(id));
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl FileUsageRepository for MemoryUnit {
    async fn find(&mut self, owner: UserId) -> Done<Option<FileUsage>> {
        self.run(|state| Ok(state.file_usage.get(owner).cloned())).await
    }
    async fn insert(&mut self, usage: &FileUsage) -> Done<()> {
        self.run(|state| state.file_usage.insert(usage)).await
    }
    async fn save(&mut self, usage: &FileUsage) -> Done<Version> {
        self.run(|state| state.file_usage.save(usage)).await
    }
}

#[async_trait]
impl FileQueries for MemoryStore {
    async fn find_file(&self, id: FileId) -> Done<Option<File>> {
        Ok(self.state().files.get(id).cloned())
    }
    async fn list_files(&self, scope: Scope, direction: Direction, request: &PageRequest) -> Done<Page<File>> {
        let state = self.state();
        let is_shown = |file: &&File| file.state == FileState::Ready && scope.admits(file.owner_id);
        let rows = state.files.rows().filter(is_shown).cloned();
        Ok(page(rows, file_position, direction, request, usize::MAX, |_| 0))
    }
    async fn list_open_uploads(
        &self,
        owner: UserId,
        now: Timestamp,
        direction: Direction,
        request: &PageRequest,
    ) -> Done<Page<File>> {
        let state = self.state();
        let is_open = |file: &&File| {
            let is_uploading = file.state == FileState::Uploading && file.resumable.is_some();
            is_uploading && file.owner_id == owner && !file.is_expired(now)
        };
        let rows = state.files.rows().filter(is_open).cloned();
        Ok(page(rows, file_position, direction, request, usize::MAX, |_| 0))
    }
    async fn list_removable_files(
        &self,
        until: Timestamp,
        now: Timestamp,
        after: Option<FileId>,
        limit: u32,
    ) -> Done<Vec<FileId>> {
        let state = self.state();
        let is_removable = |file: &&File| match file.state {
            FileState::Uploading if file.resumable.is_some() => file.is_expired(now),
            FileState::Uploading => file.created_at <= until,
            FileState::Quarantined | FileState::Ready => false,
            FileState::Infected => file.is_overdue(now),
            FileState::Deleted => true,
        };
        let follows = |id: &FileId| after.is_none_or(|after| after < *id);
        let removable = state.files.rows().filter(is_removable).map(|file| file.id).filter(follows);
        Ok(removable.take(limit as usize).collect())
    }
    async fn list_quarantined_files(&self, after: Option<FileId>, limit: u32) -> Done<Vec<FileId>> {
        let state = self.state();
        let is_quarantined = |file: &&File| file.state == FileState::Quarantined;
        let follows = |id: &FileId| after.is_none_or(|after| after < *id);
        let quarantined = state.files.rows().filter(is_quarantined).map(|file| file.id).filter(follows);
        Ok(quarantined.take(limit as usize).collect())
    }
    async fn list_expired_files(&self, now: Timestamp, limit: u32) -> Done<Vec<FileId>> {
        let state = self.state();
        let ready = state.files.rows().filter(|file| file.state == FileState::Ready);
        let mut expired: Vec<_> = ready.filter_map(|file| Some((file.delete_at?, file.id))).collect();
        expired.retain(|(delete_at, _)| *delete_at <= now);
        expired.sort_unstable();
        Ok(expired.into_iter().map(|(_, id)| id).take(limit as usize).collect())
    }
    async fn list_files_of(&self, owner: UserId, limit: u32) -> Done<Vec<FileId>> {
        let state = self.state();
        let of_owner = state.files.rows().filter(|file| file.owner_id == owner);
        Ok(of_owner.take(limit as usize).map(|file| file.id).collect())
    }
    async fn find_image(&self, file: FileId, side: u32) -> Done<Option<FileImage>> {
        let state = self.state();
        Ok(state.file_images.values().find(|image| (image.file_id, image.side) == (file, side)).cloned())
    }
    async fn list_known_files(&self, ids: &[FileId]) -> Done<Vec<FileId>> {
        let state = self.state();
        let is_known = |id: &FileId| state.files.get(*id).is_some() || state.file_images.contains_key(id);
        Ok(ids.iter().copied().filter(is_known).collect())
    }
}
