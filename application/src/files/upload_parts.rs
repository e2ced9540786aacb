//! The steps that uploads have in common, whether the content arrives at once or in pieces.

use super::{
    BlobStore, CompleteUpload, CompleteUploadCommand, ContentMismatch, ContentTypes, FilePolicy, FileQuotaExceeded,
    FileTooLarge, FileView, FilesTx, MediaTypeNotAllowed, RemoveFiles, StagedBlob, UploadFileError, WrittenBlob,
    constraints::{FILE_ID, FILE_UPLOAD_LINK, FILE_USAGE_OWNER},
};
use crate::kernel::{
    Actor, Attempt, Begin, IdempotencyKey, Key, Runtime, StoreError, TxMode, UseCase, run, use_case_error,
};
use skep_domain::{
    files::{Checksum, File, FileContent, FileId, FilePurpose, FileUsage, MediaType, UploadLinkId},
    shared::LeaseToken,
};
use std::sync::Arc;

use_case_error! {
    /// The reason why no upload was begun.
    ReserveUploadError {
        Quota(FileQuotaExceeded),
    }
}

/// The ports and rules of uploads. The use cases of uploads share one.
pub struct UploadParts {
    pub(super) store: Arc<dyn Begin<dyn FilesTx>>,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) remove: Arc<RemoveFiles>,
    pub(super) runtime: Runtime,
    pub(super) policy: FilePolicy,
    types: Arc<dyn ContentTypes>,
    complete: UseCase<CompleteUpload>,
}

/// A content whose last byte has arrived, and what was said about it before.
pub(super) struct Arrived {
    pub(super) file: File,
    /// The number of bytes that was announced.
    pub(super) declared: Option<u64>,
    /// The checksum that was announced.
    pub(super) expected: Option<Checksum>,
    /// The request that holds an upload in pieces.
    pub(super) holder: Option<LeaseToken>,
    pub(super) staged: Box<dyn StagedBlob>,
    /// The first bytes, from which the media type is judged.
    pub(super) beginning: Vec<u8>,
    /// The media type that the content must have.
    pub(super) media_type: Option<MediaType>,
}

impl UploadParts {
    /// Stores rows in the one store and contents in the other. `complete` ends the uploads.
    #[must_use]
    pub fn new(
        store: Arc<dyn Begin<dyn FilesTx>>,
        (blobs, types): (Arc<dyn BlobStore>, Arc<dyn ContentTypes>),
        complete: UseCase<CompleteUpload>,
        remove: Arc<RemoveFiles>,
        runtime: Runtime,
        policy: FilePolicy,
    ) -> Self {
        Self { store, blobs, remove, runtime, policy, types, complete }
    }

    /// Stores the row of an upload, and counts it in the usage of its owner.
    pub(super) async fn reserve(&self, actor: &Actor, file: &File) -> Result<(), ReserveUploadError> {
        run(&self.runtime, actor.deadline, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[Key(file.owner_id.uuid())]).await?;
            let begun = self.store_upload(&mut *unit, file, &attempt).await;
            attempt.end(unit, begun).await
        })
        .await
    }

    /// Stores the row of an upload that arrives by this link. Returns `false` if the link has a file already.
    pub(super) async fn reserve_by(
        &self,
        actor: &Actor,
        file: &File,
        link: UploadLinkId,
    ) -> Result<bool, ReserveUploadError> {
        run(&self.runtime, actor.deadline, |attempt| async move {
            let keys = [Key(file.owner_id.uuid()), Key(link.uuid())];
            let mut unit = self.store.begin(TxMode::Write, &keys).await?;
            let begun = async {
                let found = unit.files().find_by_link(link).await?.map(|found| found.id);
                if found.is_none() {
                    self.insert(&mut *unit, file).await?;
                }
                // An attempt after an unknown outcome finds the row of the earlier one.
                Ok(found.is_none_or(|id| id == file.id))
            }
            .await;
            attempt.end(unit, begun).await
        })
        .await
    }

    /// Begins the content of an upload that is reserved. If that fails, the upload is removed.
    pub(super) async fn stage(&self, id: FileId) -> Result<Box<dyn StagedBlob>, StoreError> {
        let staged = self.blobs.stage(id).await;
        if staged.is_err() {
            // What is left over here is left to the sweep.
            let _ = self.remove.remove(id).await;
        }
        staged
    }

    /// An attempt after an unknown outcome finds the row of the earlier one.
    async fn store_upload(
        &self,
        unit: &mut dyn FilesTx,
        file: &File,
        attempt: &Attempt,
    ) -> Result<(), ReserveUploadError> {
        if attempt.after_unknown && unit.files().find(file.id).await?.is_some() {
            return Ok(());
        }
        self.insert(unit, file).await
    }

    /// Stores the row of an upload that is not there yet, and counts it in the usage of its owner.
    pub(super) async fn insert(&self, unit: &mut dyn FilesTx, file: &File) -> Result<(), ReserveUploadError> {
        let found = unit.file_usage().find(file.owner_id).await?;
        let is_new = found.is_none();
        let mut usage = found.unwrap_or_else(|| FileUsage::none(file.owner_id));
        usage.begin(file, &self.policy.quota).map_err(|limit| FileQuotaExceeded { limit })?;
        let counted = match is_new {
            true => unit.file_usage().insert(&usage).await,
            false => unit.file_usage().save(&usage).await.map(drop),
        };
        counted.map_err(again)?;
        Ok(unit.files().insert(file).await.map_err(again)?)
    }

    /// The greatest number of bytes of a file that a client sends for this purpose.
    pub(super) fn most_bytes(&self, purpose: FilePurpose) -> Result<u64, FileTooLarge> {
        if purpose.is_sent() { Ok(self.policy.most_bytes(purpose)) } else { Err(FileTooLarge { most: 0 }) }
    }

    /// Judges a content by its first bytes, and returns its media type.
    pub(super) fn judge(&self, purpose: FilePurpose, beginning: &[u8]) -> Result<MediaType, MediaTypeNotAllowed> {
        let media_type = self.types.media_type(beginning);
        match purpose.takes(&media_type) {
            true => Ok(media_type),
            false => Err(MediaTypeNotAllowed { media_type }),
        }
    }

    /// Judges the content, publishes it, and ends the upload, once per key.
    pub(super) async fn finish(
        &self,
        arrived: Arrived,
        actor: &Actor,
        key: Option<&IdempotencyKey>,
    ) -> Result<FileView, UploadFileError> {
        let Arrived { file, declared, expected, holder, mut staged, beginning, media_type: wanted } = arrived;
        let WrittenBlob { size, checksum } = staged.sync().await?;
        let is_expected = expected.is_none_or(|expected| expected == checksum);
        if !is_expected || declared.is_some_and(|declared| declared != size) {
            return Err(ContentMismatch.into());
        }
        let media_type = self.judge(file.purpose, &beginning)?;
        if wanted.is_some_and(|wanted| wanted != media_type) {
            return Err(MediaTypeNotAllowed { media_type }.into());
        }
        staged.publish().await?;
        let File { id, purpose, visibility, name, .. } = file;
        let content = FileContent { size, media_type, checksum };
        let command = CompleteUploadCommand { file_id: id, holder, purpose, visibility, name, content };
        self.complete.execute_once(actor, key, command).await
    }
}

/// Two first uploads of a user at once both find no usage, two by a link at once no file, and an attempt after an unknown
/// outcome may meet its own row. The next attempt finds what the other unit has stored.
fn again(error: StoreError) -> StoreError {
    match error {
        StoreError::Duplicate { constraint } if [FILE_USAGE_OWNER, FILE_ID, FILE_UPLOAD_LINK].contains(&constraint) => {
            StoreError::Retry(Box::new(StoreError::Duplicate { constraint }))
        }
        error => error,
    }
}
