//! The ports of files that a store of rows implements.

use super::WrittenBlob;
use crate::jobs::JobRepository;
#[cfg(any(test, feature = "testing"))]
use crate::jobs::MockJobRepository;
use crate::kernel::{Guarded, Page, PageRequest, Position, Scope, SortValue, StoreError, context};
use async_trait::async_trait;
use skep_domain::{
    access::Resource,
    files::{
        Checksum, File, FileId, FileImage, FileName, FilePurpose, FileState, FileUsage, FileVisibility, MediaType,
        UploadLinkId, UploadMetadata,
    },
    shared::{Direction, Timestamp, UserId, Version},
};

context! {
    /// The repositories that a command of files can use.
    unit FilesTx {
        /// Files in every state.
        files: FileRepository by MockFileRepository,
        /// How much users keep.
        file_usage: FileUsageRepository by MockFileUsageRepository,
        /// The pictures of files in sizes.
        images: FileImageRepository by MockFileImageRepository,
        /// The job that makes an archive, and the jobs that follow from it.
        jobs: JobRepository by MockJobRepository,
    }
    #[cfg(any(test, feature = "testing"))]
    mocks MockFilesTx of FilesMocks
    /// The ports of a store that read files.
    store FilesStore: FileQueries
}

/// A file belongs to the user that stored it.
impl Guarded for File {
    fn resource(&self) -> Resource {
        Resource::OwnedBy(self.owner_id)
    }
}

/// Reads and writes files inside a unit of work.
///
/// 1. Of several units that let a request add bytes to the same upload at the same time, one is committed, and the others
///    find its appender. So a save of a request that was passed over is never stored.
/// 2. The file of a link is found in any state, and a link has at most one file.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait FileRepository: Send {
    /// The file with this id, in any state.
    async fn find(&mut self, id: FileId) -> Result<Option<File>, StoreError>;
    /// The existing files with these ids, in any state and in any order. One statement for any number of ids.
    async fn find_many(&mut self, ids: &[FileId]) -> Result<Vec<File>, StoreError>;
    /// The file that was sent by this link, or is being sent.
    async fn find_by_link(&mut self, link: UploadLinkId) -> Result<Option<File>, StoreError>;
    /// Stores a new file. `Duplicate` of `FILE_ID`, or of `FILE_UPLOAD_LINK` if another file has its link.
    async fn insert(&mut self, file: &File) -> Result<(), StoreError>;
    /// Replaces the size, the content, the state, the link, and the offset and the appender of an upload in pieces, of the
    /// version that was read. Returns the new version. The other values stay. `Stale`, and `Duplicate` of
    /// `FILE_UPLOAD_LINK`.
    async fn save(&mut self, file: &File) -> Result<Version, StoreError>;
    /// Deletes the version that was read. `Stale`. `Referenced` of `FILE_IMAGE_FILE` if the file still has pictures in
    /// sizes.
    async fn delete(&mut self, file: &File) -> Result<(), StoreError>;
}

/// Reads and writes the usage of users inside a unit of work.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait FileUsageRepository: Send {
    /// The usage of this user; `None` if the user has never stored a file.
    async fn find(&mut self, owner: UserId) -> Result<Option<FileUsage>, StoreError>;
    /// Stores the first usage of a user. `Duplicate` of `FILE_USAGE_OWNER`.
    async fn insert(&mut self, usage: &FileUsage) -> Result<(), StoreError>;
    /// Replaces the version that was read, and returns the new version. `Stale`.
    async fn save(&mut self, usage: &FileUsage) -> Result<Version, StoreError>;
}

/// Reads and writes the pictures of files in sizes inside a unit of work.
///
/// 1. A picture belongs to a file that exists. Of a unit that stores one and a unit that deletes the file at the same time,
///    at most one is committed.
/// 2. Of several units that store a picture of the same file with the same side at the same time, one is committed.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait FileImageRepository: Send {
    /// The pictures of a file, the smallest one first.
    async fn list_of(&mut self, file: FileId) -> Result<Vec<FileImage>, StoreError>;
    /// Stores a new picture. `Duplicate` of `FILE_IMAGE_ID` and `FILE_IMAGE_SIDE`, `Referenced` of `FILE_IMAGE_FILE`.
    async fn insert(&mut self, image: &FileImage) -> Result<(), StoreError>;
    /// Deletes the pictures with these ids that exist.
    async fn delete_many(&mut self, ids: &[FileId]) -> Result<(), StoreError>;
}

/// A complete file, as use cases return it. Idempotency keys store this form.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileView {
    /// The id in URLs and events.
    pub id: FileId,
    /// The user that stored it.
    pub owner_id: UserId,
    /// What it is for.
    pub purpose: FilePurpose,
    /// The audience.
    pub visibility: FileVisibility,
    /// Whether it is quarantined, ready or infected. Answers that earlier versions have kept are about ready files.
    #[serde(default = "ready")]
    pub state: FileState,
    /// The name under which it is downloaded.
    pub name: FileName,
    /// The size in bytes.
    pub size: u64,
    /// The media type, judged by the content.
    pub media_type: MediaType,
    /// The SHA-256 of the content.
    pub checksum: Checksum,
    /// The link by which it was sent. Answers that earlier versions have kept have none.
    #[serde(default)]
    pub upload_link: Option<UploadLinkId>,
    /// When the upload began.
    pub created_at: Timestamp,
    /// When the file entered its state.
    pub updated_at: Timestamp,
    /// Two for a new file, because it begins as an upload. More if it arrived in pieces, or was judged.
    pub version: Version,
}

const fn ready() -> FileState {
    FileState::Ready
}

impl FileView {
    /// Whether every visitor that knows the id gets the content.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.visibility == FileVisibility::Public && self.state == FileState::Ready
    }

    /// The view of a file. `None` unless it is complete.
    #[must_use]
    pub fn of(file: &File) -> Option<Self> {
        let content = file.described()?;
        Some(Self {
            id: file.id,
            owner_id: file.owner_id,
            purpose: file.purpose,
            visibility: file.visibility,
            state: file.state,
            name: file.name.clone(),
            size: content.size,
            media_type: content.media_type,
            checksum: content.checksum,
            upload_link: file.upload_link,
            created_at: file.created_at,
            updated_at: file.updated_at,
            version: file.version,
        })
    }

    /// Whether this account, or a visitor, may have the content if the file is shown to them.
    #[must_use]
    pub fn gives_content_to(&self, reader: Option<UserId>) -> bool {
        !self.purpose.is_for_its_owner_alone() || reader == Some(self.owner_id)
    }

    /// The size and the checksum of the content.
    #[must_use]
    pub const fn written(&self) -> WrittenBlob {
        WrittenBlob { size: self.size, checksum: self.checksum }
    }
}

/// An upload that arrives in pieces, as use cases return it. Idempotency keys store this form.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UploadView {
    /// The id of the upload, and of its file.
    pub id: FileId,
    /// The name under which its file is downloaded.
    pub name: FileName,
    /// The metadata as it was sent.
    pub metadata: UploadMetadata,
    /// The number of bytes that are stored. It is the length exactly if the upload is complete.
    pub offset: u64,
    /// The number of bytes that were announced.
    pub length: u64,
    /// When the upload began.
    pub created_at: Timestamp,
    /// The time at which the upload is given up. `None` if it is complete.
    pub expires_at: Option<Timestamp>,
}

impl UploadView {
    /// The view of an upload. `None` if it is deleted, or does not arrive in pieces.
    #[must_use]
    pub fn of(file: &File) -> Option<Self> {
        let resumable = file.resumable.as_ref().filter(|_| file.state != FileState::Deleted)?;
        Some(Self {
            id: file.id,
            name: file.name.clone(),
            metadata: resumable.metadata.clone(),
            offset: resumable.offset,
            length: file.size,
            created_at: file.created_at,
            expires_at: (!file.is_complete()).then_some(resumable.expires_at),
        })
    }
}

/// The place of a file in a list that is sorted by `created_at`.
#[must_use]
pub fn file_position(file: &File) -> Position {
    Position { key: SortValue::Time(file.created_at), id: file.id.uuid() }
}

/// Reads files outside a unit of work.
///
/// 1. A list has the files that are ready, and no others.
/// 2. The files to remove are those that are deleted, the uploads that began at `uploads_until` or before, the uploads in
///    pieces that expire at `now` or before, and the infected files that have a `delete_at` at `now` or before it. They are
///    in the order of their ids.
/// 3. Of several ids, exactly those are returned that a file in any state has, or a picture of a file in a size.
/// 4. A list of open uploads has the uploads in pieces of the owner that are neither complete nor deleted, and that expire
///    after `now`.
/// 5. The files of a user are those in any state, and no file of another user.
/// 6. The expired files are those that are ready and have a `delete_at` at `now` or before it, in the order of that time
///    and the id.
/// 7. A picture is found by its file and its side.
/// 8. The quarantined files are in the order of their ids.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait FileQueries: Send + Sync {
    /// The file with this id, in any state.
    async fn find_file(&self, id: FileId) -> Result<Option<File>, StoreError>;
    /// A page of the files in the scope, sorted by `created_at` and id. It is empty if the key of the position is not a
    /// time.
    async fn list_files(
        &self,
        scope: Scope,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<File>, StoreError>;
    /// A page of the open uploads of a user, sorted by `created_at` and id. It is empty if the key of the position is not a
    /// time.
    async fn list_open_uploads(
        &self,
        owner: UserId,
        now: Timestamp,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<File>, StoreError>;
    /// At most `limit` files to remove: the first ones, or those that follow `after`.
    async fn list_removable_files(
        &self,
        uploads_until: Timestamp,
        now: Timestamp,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<FileId>, StoreError>;
    /// At most `limit` quarantined files: the first ones, or those that follow `after`.
    async fn list_quarantined_files(&self, after: Option<FileId>, limit: u32) -> Result<Vec<FileId>, StoreError>;
    /// The first `limit` expired files.
    async fn list_expired_files(&self, now: Timestamp, limit: u32) -> Result<Vec<FileId>, StoreError>;
    /// At most `limit` files of this user, in any order.
    async fn list_files_of(&self, owner: UserId, limit: u32) -> Result<Vec<FileId>, StoreError>;
    /// The picture of a file whose longest side has at most this length.
    async fn find_image(&self, file: FileId, side: u32) -> Result<Option<FileImage>, StoreError>;
    /// Those of these ids that belong to a file or to a picture of one, in any order.
    async fn list_known_files(&self, ids: &[FileId]) -> Result<Vec<FileId>, StoreError>;
}
