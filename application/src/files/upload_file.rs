//! Storing a file: its row, its content, and then both together.
//!
//! 1. A unit of work stores the row of the upload, which counts in the usage of its owner.
//! 2. The content is written, made durable, and published under the id of the file.
//! 3. A unit of work makes the file ready, with its event. If there is a scanner, it quarantines the file, and stores the
//!    job that asks the scanner.
//!
//! After a crash between two steps there is an upload that no caller sees, and the sweep removes it with its content.

use super::{FileView, ReserveUploadError, SNIFFED_BYTES, StagedBlob, UploadParts, upload_parts::Arrived};
use crate::{
    jobs::EnqueueError,
    kernel::{Actor, Denied, IdempotencyKey, KeyReused, account, permit, refusal, use_case_error},
};
use skep_domain::files::{
    Checksum, File, FileId, FileName, FilePurpose, FileVisibility, MediaType, QuotaExceeded, actions,
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
        Reserve(ReserveUploadError),
        MediaType(MediaTypeNotAllowed),
        Mismatch(ContentMismatch),
        GivenUp(UploadGivenUp),
        Enqueue(EnqueueError),
        KeyReused(KeyReused),
    }
}

/// Stores files.
pub struct UploadFile {
    parts: Arc<UploadParts>,
}

impl UploadFile {
    /// Uploads with these ports and rules.
    #[must_use]
    pub const fn new(parts: Arc<UploadParts>) -> Self {
        Self { parts }
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
        let most = parts.most_bytes(purpose)?;
        if size.is_some_and(|size| size > most) {
            return Err(FileTooLarge { most }.into());
        }
        let (id, now) = (FileId::new(parts.runtime.ids.next()), parts.runtime.clock.now());
        let file = File::begin(id, owner, purpose, visibility, name, size.unwrap_or(most), now);
        parts.reserve(actor, &file).await?;
        let staged = parts.stage(id).await?;
        Ok(Upload::new(Arc::clone(parts), file, (size, checksum), staged))
    }
}

/// An upload that receives its content. End it with [`Upload::finish`] or [`Upload::abandon`]; if it is dropped, the sweep
/// removes it later.
pub struct Upload {
    parts: Arc<UploadParts>,
    file: File,
    declared: Option<u64>,
    expected: Option<Checksum>,
    staged: Box<dyn StagedBlob>,
    beginning: Vec<u8>,
    received: u64,
    /// The media type that the content must have.
    media_type: Option<MediaType>,
    /// The actor that stores the file, if it is not the caller.
    by: Option<Actor>,
}

impl Upload {
    /// An upload that is reserved, with the number of bytes and the checksum that were announced.
    pub(super) fn new(
        parts: Arc<UploadParts>,
        file: File,
        (declared, expected): (Option<u64>, Option<Checksum>),
        staged: Box<dyn StagedBlob>,
    ) -> Self {
        let (beginning, received) = (Vec::new(), 0);
        Self { parts, file, declared, expected, staged, beginning, received, media_type: None, by: None }
    }

    /// The content must have this media type.
    pub(super) fn expecting(self, media_type: Option<MediaType>) -> Self {
        Self { media_type, ..self }
    }

    /// This actor stores the file, and not the caller that sends it.
    pub(super) fn stored_by(self, actor: Actor) -> Self {
        Self { by: Some(actor), ..self }
    }

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

    async fn complete(self, actor: &Actor, key: Option<&IdempotencyKey>) -> Result<FileView, UploadFileError> {
        let Self { parts, file, declared, expected, staged, beginning, received: _, media_type, by } = self;
        let arrived = Arrived { file, declared, expected, holder: None, staged, beginning, media_type };
        parts.finish(arrived, by.as_ref().unwrap_or(actor), key).await
    }
}
