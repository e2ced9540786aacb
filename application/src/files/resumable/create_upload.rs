//! Beginning an upload whose content arrives in pieces.

use super::{AppendUpload, AppendUploadCommand, AppendUploadError};
use crate::{
    files::{FileTooLarge, FilesTx, MediaTypeNotAllowed, ReserveUploadError, UploadParts, UploadView},
    jobs::EnqueueError,
    kernel::{
        Actor, Authorized, Call, Command, Commands, Denied, IdempotencyKey, KeyReused, StoreError, UseCase, account,
        use_case_error,
    },
};
use skep_domain::{
    files::{File, FileId, FileName, FilePurpose, FileVisibility, UploadMetadata, actions},
    shared::{Action, UserId},
};
use std::sync::Arc;

/// What a client says about a file before it sends the pieces.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
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
        Enqueue(EnqueueError),
        KeyReused(KeyReused),
    }
}

/// Stores the row of an upload. It records no event, because doing it twice has the same result as doing it once.
pub struct StoreUpload {
    parts: Arc<UploadParts>,
}

impl Command for StoreUpload {
    type Unit = dyn FilesTx;
    type Input = CreateUploadCommand;
    type Plan = File;
    type Target = UserId;
    type Answer = UploadView;
    type Error = CreateUploadError;

    const NAME: &'static str = "files.create_upload";
    const ACTION: Action = actions::UPLOAD_FILE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<File, Self::Error> {
        let owner = account(call.actor, Self::ACTION)?;
        let CreateUploadCommand { name, purpose, visibility, length, metadata } = input;
        let most = self.parts.most_bytes(purpose)?;
        if length > most {
            return Err(FileTooLarge { most }.into());
        }
        if length == 0 {
            self.parts.judge(purpose, &[])?;
        }
        call.contend([owner.uuid()]);
        let time = i64::try_from(self.parts.policy.resumable_time.as_millis()).unwrap_or(i64::MAX);
        let file = File::begin(FileId::new(call.new_id()), owner, purpose, visibility, name, length, call.now);
        Ok(file.in_pieces(metadata, call.now.plus_millis(time)))
    }

    async fn load(&self, file: &File, _: &mut Self::Unit) -> Result<UserId, Self::Error> {
        Ok(file.owner_id)
    }

    async fn write(
        &self,
        file: &File,
        unit: &mut Self::Unit,
        _: Authorized<'_, UserId>,
    ) -> Result<UploadView, Self::Error> {
        // An attempt after an unknown outcome may find the row of the earlier one.
        if unit.files().find(file.id).await?.is_none() {
            self.parts.insert(unit, file).await?;
        }
        Ok(UploadView::of(file).ok_or_else(|| StoreError::corrupt("files", file.id, "is no upload"))?)
    }
}

/// Begins uploads whose content arrives in pieces.
pub struct CreateUpload {
    store: UseCase<StoreUpload>,
    parts: Arc<UploadParts>,
    append: AppendUpload,
}

impl CreateUpload {
    /// Uploads with these ports and rules.
    #[must_use]
    pub fn new(parts: Arc<UploadParts>, commands: &Commands<dyn FilesTx>) -> Self {
        let store = UseCase::new(StoreUpload { parts: parts.clone() }, commands);
        Self { store, append: AppendUpload::new(parts.clone()), parts }
    }

    /// Creates an upload, once per key. It reserves its bytes in the quota of its owner. One without bytes is complete at
    /// once. A repeat with the same key gets the first upload, also after that is complete or was ended.
    ///
    /// # Errors
    /// [`CreateUploadError`].
    pub async fn execute_once(
        &self,
        actor: &Actor,
        key: Option<&IdempotencyKey>,
        command: CreateUploadCommand,
    ) -> Result<UploadView, CreateUploadError> {
        let upload = self.store.execute_once(actor, key, command).await?;
        if upload.length > 0 {
            return Ok(upload);
        }
        match self.complete(actor, upload.id).await {
            Ok(()) => Ok(UploadView { expires_at: None, ..upload }),
            Err(error) => {
                // With a key, a repeat completes it.
                if key.is_none() {
                    let _ = self.parts.remove.remove(upload.id).await;
                }
                Err(error)
            }
        }
    }

    async fn complete(&self, actor: &Actor, id: FileId) -> Result<(), CreateUploadError> {
        let command = AppendUploadCommand { id, offset: 0, length: Some(0), is_checked: false };
        let ended = match self.append.begin(actor, command).await {
            Ok(appending) => appending.end(actor, true).await.map(drop),
            Err(error) => Err(error),
        };
        match ended {
            // A repeat finds that it is complete, or was ended.
            Ok(())
            | Err(AppendUploadError::Complete(_) | AppendUploadError::NotFound(_) | AppendUploadError::Expired(_)) => {
                Ok(())
            }
            Err(AppendUploadError::Denied(denied)) => Err(denied.into()),
            Err(AppendUploadError::MediaType(refused)) => Err(refused.into()),
            Err(AppendUploadError::Enqueue(refused)) => Err(refused.into()),
            Err(AppendUploadError::Store(error)) => Err(error.into()),
            Err(other) => Err(StoreError::Unavailable(other.into()).into()),
        }
    }
}
