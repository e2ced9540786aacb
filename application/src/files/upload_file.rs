//! Storing a file: its row, its content, and then both together.
//!
//! 1. A unit of work stores the row of the upload, which counts in the usage of its owner.
//! 2. The content is written, made durable, and published under the id of the file.
//! 3. A unit of work makes the file ready, with its event.
//!
//! After a crash between two steps there is an upload that no caller sees, and the sweep removes it with its content.

use super::{
    BlobStore, ContentTypes, FilePolicy, FileView, FilesTx, RemoveFiles, SNIFFED_BYTES, StagedBlob, WrittenBlob,
    constraints::{FILE_ID, FILE_USAGE_OWNER},
    remove_files::usage,
};
use crate::kernel::{
    Actor, Attempt, Authorized, Begin, Call, Command, Commands, Denied, IdempotencyKey, Key, KeyReused, Runtime,
    StoreError, TxMode, UseCase, account, permit, refusal, run, use_case_error,
};
use skep_domain::{
    files::{
        Checksum, File, FileContent, FileId, FileName, FilePurpose, FileState, FileUsage, FileVisibility, MediaType,
        QuotaExceeded, actions, events::FileUploaded,
    },
    shared::{Action, Timestamp},
};
use std::sync::Arc;

/// What a client says about a file before it sends the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadFileCommand {
    /// The name under which it is downloaded.
    pub name: FileName,
    /// What it is for.
    pub purpose: FilePurpose,
    /// The audience.
    pub visibility: FileVisibility,
    /// The number of bytes that will be sent, if it is known.
    pub size: Option<u64>,
    /// The SHA-256 that the content must have, if the caller names one.
    pub checksum: Option<Checksum>,
}

refusal! {
    /// The content has more bytes than a file for this purpose may have.
    FileTooLarge {
        /// The greatest number of bytes.
        pub most: u64,
    } = TooLarge, "file_too_large", "a file for this purpose can have at most {most} bytes";
}

refusal! {
    /// The caller keeps as many files or bytes as allowed, or uploads as many files at the same time.
    FileQuotaExceeded {
        /// The limit that is reached.
        pub limit: QuotaExceeded,
    } = Conflict, "file_quota_exceeded", "{limit}";
}

refusal! {
    /// The content is not of a kind that a file for this purpose may have. It is judged by the content itself.
    MediaTypeNotAllowed {
        /// The media type of the content.
        pub media_type: MediaType,
    } = Invalid, "media_type_not_allowed", "a file for this purpose cannot be {media_type}";
}

refusal! {
    /// The content does not have the number of bytes or the checksum that the request names.
    ContentMismatch = Invalid, "content_mismatch";
}

refusal! {
    /// The upload took too long and was given up; send the file again.
    UploadGivenUp = Conflict, "upload_given_up";
}

use_case_error! {
    /// The reason why no file was stored.
    UploadFileError {
        Denied(Denied),
        TooLarge(FileTooLarge),
        Quota(FileQuotaExceeded),
        MediaType(MediaTypeNotAllowed),
        Mismatch(ContentMismatch),
        GivenUp(UploadGivenUp),
        KeyReused(KeyReused),
    }
}

/// Stores files.
pub struct UploadFile {
    parts: Arc<Parts>,
}

struct Parts {
    store: Arc<dyn Begin<dyn FilesTx>>,
    blobs: Arc<dyn BlobStore>,
    types: Arc<dyn ContentTypes>,
    complete: UseCase<CompleteUpload>,
    remove: Arc<RemoveFiles>,
    runtime: Runtime,
    policy: FilePolicy,
}

impl UploadFile {
    /// Stores rows in the one store and contents in the other.
    #[must_use]
    pub fn new(
        store: Arc<dyn Begin<dyn FilesTx>>,
        (blobs, types): (Arc<dyn BlobStore>, Arc<dyn ContentTypes>),
        commands: &Commands<dyn FilesTx>,
        remove: Arc<RemoveFiles>,
        runtime: Runtime,
        policy: FilePolicy,
    ) -> Self {
        let complete = UseCase::new(CompleteUpload, commands);
        Self { parts: Arc::new(Parts { store, blobs, types, complete, remove, runtime, policy }) }
    }

    /// Begins an upload. Nothing of the content has to be known yet.
    ///
    /// # Errors
    /// [`UploadFileError`].
    pub async fn begin(&self, actor: &Actor, command: UploadFileCommand) -> Result<Upload, UploadFileError> {
        permit(actor, actions::UPLOAD_FILE)?;
        let owner = account(actor, actions::UPLOAD_FILE)?;
        let parts = &self.parts;
        let UploadFileCommand { name, purpose, visibility, size, checksum } = command;
        let most = parts.policy.most_bytes(purpose);
        if size.is_some_and(|size| size > most) {
            return Err(FileTooLarge { most }.into());
        }
        let (id, now) = (FileId::new(parts.runtime.ids.next()), parts.runtime.clock.now());
        let reserved = size.unwrap_or(most);
        let file = &File::begin(id, owner, purpose, visibility, name, reserved, now);
        run(&parts.runtime, actor.deadline, |attempt| async move {
            let mut unit = parts.store.begin(TxMode::Write, &[Key(owner.uuid())]).await?;
            let begun = parts.store_upload(&mut *unit, file, &attempt).await;
            attempt.end(unit, begun).await
        })
        .await?;
        match parts.blobs.stage(id).await {
            Ok(staged) => Ok(Upload {
                parts: Arc::clone(parts),
                file: file.clone(),
                declared: size,
                expected: checksum,
                staged,
                beginning: Vec::new(),
                received: 0,
            }),
            Err(error) => {
                let _ = parts.remove.remove(id).await;
                Err(error.into())
            }
        }
    }
}

impl Parts {
    /// Stores the row of an upload, and counts it. An attempt after an unknown outcome finds the row of the earlier one.
    async fn store_upload(
        &self,
        unit: &mut dyn FilesTx,
        file: &File,
        attempt: &Attempt,
    ) -> Result<(), UploadFileError> {
        if attempt.after_unknown && unit.files().find(file.id).await?.is_some() {
            return Ok(());
        }
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
}

/// Two first uploads of a user at once both find no usage, and an attempt after an unknown outcome may meet its own row.
/// The next attempt finds what the other unit has stored.
fn again(error: StoreError) -> StoreError {
    match error {
        StoreError::Duplicate { constraint } if constraint == FILE_USAGE_OWNER || constraint == FILE_ID => {
            StoreError::Retry(Box::new(StoreError::Duplicate { constraint }))
        }
        error => error,
    }
}

/// An upload that receives its content. End it with [`Upload::finish`] or [`Upload::abandon`]; if it is dropped, the sweep
/// removes it later.
pub struct Upload {
    parts: Arc<Parts>,
    file: File,
    declared: Option<u64>,
    expected: Option<Checksum>,
    staged: Box<dyn StagedBlob>,
    beginning: Vec<u8>,
    received: u64,
}

impl Upload {
    /// The id of the file, if the upload is not the repeat of another one.
    #[must_use]
    pub const fn id(&self) -> FileId {
        self.file.id
    }

    /// Adds bytes to the content.
    ///
    /// # Errors
    /// [`UploadFileError`]: the content has more bytes than announced or allowed, or they cannot be stored.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadFileError> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > self.file.size {
            return Err(match self.declared {
                Some(_) => ContentMismatch.into(),
                None => FileTooLarge { most: self.file.size }.into(),
            });
        }
        let wanted = SNIFFED_BYTES.saturating_sub(self.beginning.len()).min(bytes.len());
        self.beginning.extend_from_slice(&bytes[..wanted]);
        Ok(self.staged.write(bytes).await?)
    }

    /// Stores the content and makes the file ready, once per key. A repeat with the same key and the same content gets
    /// the first file. The upload is removed if it fails.
    ///
    /// # Errors
    /// [`UploadFileError`].
    pub async fn finish(self, actor: &Actor, key: Option<&IdempotencyKey>) -> Result<FileView, UploadFileError> {
        let (parts, id) = (Arc::clone(&self.parts), self.file.id);
        let finished = self.complete(actor, key).await;
        // After an unknown outcome the file may be ready, and then nothing is removed.
        if !finished.as_ref().is_ok_and(|file| file.id == id) {
            let _ = parts.remove.remove(id).await;
        }
        finished
    }

    /// Removes the upload and what was received.
    pub async fn abandon(self) {
        let (parts, id) = (Arc::clone(&self.parts), self.file.id);
        drop(self.staged);
        // What is left over here is left to the sweep.
        let _ = parts.remove.remove(id).await;
    }

    async fn complete(mut self, actor: &Actor, key: Option<&IdempotencyKey>) -> Result<FileView, UploadFileError> {
        let WrittenBlob { size, checksum } = self.staged.sync().await?;
        let is_expected = self.expected.is_none_or(|expected| expected == checksum);
        if !is_expected || self.declared.is_some_and(|declared| declared != size) {
            return Err(ContentMismatch.into());
        }
        let media_type = self.parts.types.media_type(&self.beginning);
        if !self.file.purpose.takes(&media_type) {
            return Err(MediaTypeNotAllowed { media_type }.into());
        }
        self.staged.publish().await?;
        let File { id, purpose, visibility, name, .. } = self.file;
        let content = FileContent { size, media_type, checksum };
        let command = CompleteUploadCommand { file_id: id, purpose, visibility, name, content };
        self.parts.complete.execute_once(actor, key, command).await
    }
}

/// An upload whose content is stored. The id is not a part of the fingerprint: a repeat has another one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CompleteUploadCommand {
    /// The upload.
    #[serde(skip)]
    pub file_id: FileId,
    /// What the file is for.
    pub purpose: FilePurpose,
    /// The audience.
    pub visibility: FileVisibility,
    /// The name under which it is downloaded.
    pub name: FileName,
    /// The facts about its content.
    pub content: FileContent,
}

/// Makes uploads ready.
pub struct CompleteUpload;

impl Command for CompleteUpload {
    type Unit = dyn FilesTx;
    type Input = CompleteUploadCommand;
    type Plan = (CompleteUploadCommand, Timestamp);
    type Target = File;
    type Answer = FileView;
    type Error = UploadFileError;

    const NAME: &'static str = "files.upload_file";
    const ACTION: Action = actions::UPLOAD_FILE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.file_id.uuid()]);
        Ok((input, call.now))
    }

    async fn load(&self, (plan, _): &Self::Plan, unit: &mut Self::Unit) -> Result<File, Self::Error> {
        let file = unit.files().find(plan.file_id).await?.filter(|file| file.state == FileState::Uploading);
        Ok(file.ok_or(UploadGivenUp)?)
    }

    async fn write(
        &self,
        (plan, now): &Self::Plan,
        unit: &mut Self::Unit,
        mut file: Authorized<'_, File>,
    ) -> Result<FileView, Self::Error> {
        let reserved = file.size;
        file.complete(plan.content.clone(), *now).map_err(|_| UploadGivenUp)?;
        let mut usage = usage(unit, &file).await?;
        usage.end(reserved, &file);
        unit.file_usage().save(&usage).await?;
        file.version = unit.files().save(&file).await?;
        let event = FileUploaded::of(&file, &plan.content);
        file.record(unit.outbox(), &event, file.version, file.updated_at).await?;
        let view = FileView::of(&file);
        Ok(view.ok_or_else(|| StoreError::corrupt("files", file.id, "is not ready"))?)
    }

    fn hidden(_: Denied) -> Self::Error {
        UploadGivenUp.into()
    }
}
