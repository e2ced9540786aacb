//! Making an upload ready whose content is stored.

use super::{FileView, FilesTx, UploadFileError, UploadGivenUp, remove_files::usage};
use crate::kernel::{Authorized, Call, Command, Denied, StoreError};
use skep_domain::{
    files::{
        File, FileContent, FileId, FileName, FilePurpose, FileState, FileVisibility, actions, events::FileUploaded,
    },
    shared::{Action, LeaseToken, Timestamp},
};

/// An upload whose content is stored. The id is not a part of the fingerprint: a repeat has another one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CompleteUploadCommand {
    /// The upload.
    #[serde(skip)]
    pub file_id: FileId,
    /// The request that holds it, if it arrives in pieces.
    #[serde(skip)]
    pub holder: Option<LeaseToken>,
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
        file.complete(plan.holder, plan.content.clone(), *now).map_err(|_| UploadGivenUp)?;
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
