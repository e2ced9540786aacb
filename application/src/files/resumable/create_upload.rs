//! Beginning an upload whose content arrives in pieces.

use super::{AppendUpload, AppendUploadCommand, AppendUploadError};
use crate::{
    files::{FileTooLarge, MediaTypeNotAllowed, ReserveUploadError, UploadParts, UploadView},
    kernel::{Actor, Denied, StoreError, account, permit, use_case_error},
};
use skep_domain::files::{File, FileId, FileName, FilePurpose, FileVisibility, UploadMetadata, actions};
use std::sync::Arc;

/// What a client says about a file before it sends the pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUploadCommand {
    /// The name under which it is downloaded.
    pub name: FileName,
    /// What it is for.
    pub purpose: FilePurpose,
    /// The audience.
    pub visibility: FileVisibility,
    /// The number of bytes of all pieces together.
    pub length: u64,
    /// The metadata as it was sent.
    pub metadata: UploadMetadata,
}

use_case_error! {
    /// The reason why no upload was created.
    CreateUploadError {
        Denied(Denied),
        TooLarge(FileTooLarge),
        Reserve(ReserveUploadError),
        MediaType(MediaTypeNotAllowed),
    }
}

/// Begins uploads whose content arrives in pieces.
pub struct CreateUpload {
    parts: Arc<UploadParts>,
    append: AppendUpload,
}

impl CreateUpload {
    /// Uploads with these ports and rules.
    #[must_use]
    pub fn new(parts: Arc<UploadParts>) -> Self {
        Self { append: AppendUpload::new(parts.clone()), parts }
    }

    /// Creates an upload, which reserves its bytes in the quota of its owner. One without bytes is complete at once.
    ///
    /// # Errors
    /// [`CreateUploadError`].
    pub async fn execute(&self, actor: &Actor, command: CreateUploadCommand) -> Result<UploadView, CreateUploadError> {
        permit(actor, actions::UPLOAD_FILE)?;
        let owner = account(actor, actions::UPLOAD_FILE)?;
        let UploadParts { runtime, policy, .. } = &*self.parts;
        let CreateUploadCommand { name, purpose, visibility, length, metadata } = command;
        let most = policy.most_bytes(purpose);
        if length > most {
            return Err(FileTooLarge { most }.into());
        }
        let (id, now) = (FileId::new(runtime.ids.next()), runtime.clock.now());
        let time = i64::try_from(policy.resumable_time.as_millis()).unwrap_or(i64::MAX);
        let file = File::begin(id, owner, purpose, visibility, name, length, now);
        let file = file.in_pieces(metadata, now.plus_millis(time));
        self.parts.reserve(actor, &file).await?;
        if length == 0
            && let Err(error) = self.complete(actor, id).await
        {
            let _ = self.parts.remove.remove(id).await;
            return Err(error);
        }
        let view = UploadView::of(&file).ok_or_else(|| StoreError::corrupt("files", id, "is no upload"))?;
        Ok(UploadView { expires_at: view.expires_at.filter(|_| length > 0), ..view })
    }

    async fn complete(&self, actor: &Actor, id: FileId) -> Result<(), CreateUploadError> {
        let command = AppendUploadCommand { id, offset: 0, length: Some(0), is_checked: false };
        let ended = match self.append.begin(actor, command).await {
            Ok(appending) => appending.end(actor, true).await.map(drop),
            Err(error) => Err(error),
        };
        ended.map_err(|error| match error {
            AppendUploadError::Denied(denied) => denied.into(),
            AppendUploadError::MediaType(refused) => refused.into(),
            AppendUploadError::Store(error) => error.into(),
            other => StoreError::Unavailable(other.into()).into(),
        })
    }
}
