//! Ending an upload whose content is stored.

use super::{FileScan, FileView, FilesTx, UploadFileError, UploadGivenUp, remove_files::usage};
use crate::{
    jobs::{JobPolicy, enqueue},
    kernel::{Authorized, Call, Command, Denied, StoreError},
};
use skep_domain::{
    files::{
        File, FileContent, FileId, FileName, FilePurpose, FileState, FileVisibility, actions,
        events::{FileQuarantined, FileUploaded},
    },
    jobs::{JobId, NewJob},
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

/// Makes uploads ready. With a scanner, their files are quarantined first, and a job asks the scanner about each.
#[derive(Debug, Clone, Copy, Default)]
pub struct CompleteUpload {
    /// How many files of one user may wait for the scanner. `None` if there is no scanner.
    pub scans: Option<JobPolicy>,
}

/// A checked upload, and the id of the job that asks the scanner about it.
pub struct CompleteUploadPlan {
    upload: CompleteUploadCommand,
    scan: Option<JobId>,
    now: Timestamp,
}

impl Command for CompleteUpload {
    type Unit = dyn FilesTx;
    type Input = CompleteUploadCommand;
    type Plan = CompleteUploadPlan;
    type Target = File;
    type Answer = FileView;
    type Error = UploadFileError;

    const NAME: &'static str = "files.upload_file";
    const ACTION: Action = actions::UPLOAD_FILE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.file_id.uuid()]);
        let scan = self.scans.map(|_| JobId::new(call.new_id()));
        Ok(CompleteUploadPlan { upload: input, scan, now: call.now })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<File, Self::Error> {
        let file = unit.files().find(plan.upload.file_id).await?.filter(|file| file.state == FileState::Uploading);
        Ok(file.ok_or(UploadGivenUp)?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut file: Authorized<'_, File>,
    ) -> Result<FileView, Self::Error> {
        let (reserved, CompleteUploadCommand { holder, content, .. }) = (file.size, &plan.upload);
        let ended = match plan.scan {
            None => file.complete(*holder, content.clone(), plan.now),
            Some(_) => file.quarantine(*holder, content.clone(), plan.now),
        };
        ended.map_err(|_| UploadGivenUp)?;
        let mut usage = usage(unit, &file).await?;
        usage.end(reserved, &file);
        unit.file_usage().save(&usage).await?;
        file.version = unit.files().save(&file).await?;
        if let (Some(job_id), Some(policy)) = (plan.scan, &self.scans) {
            // The owner, because by a link Skep itself stores the file.
            let scan = NewJob { owner_id: Some(file.owner_id), ..FileScan { file_id: file.id }.job()? };
            enqueue(unit.jobs(), policy, job_id, scan, file.actor(), plan.now).await?;
            let event = FileQuarantined::of(&file);
            file.record(unit.outbox(), &event, file.version, file.updated_at).await?;
        } else {
            let event = FileUploaded::of(&file, content);
            file.record(unit.outbox(), &event, file.version, file.updated_at).await?;
        }
        let view = FileView::of(&file);
        Ok(view.ok_or_else(|| StoreError::corrupt("files", file.id, "is not complete"))?)
    }

    fn hidden(_: Denied) -> Self::Error {
        UploadGivenUp.into()
    }
}
