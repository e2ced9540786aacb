//! Deleting a file.

use super::{FilesTx, RemoveFiles};
use crate::kernel::{
    Actor, Authorized, Call, Command, Commands, Denied, IdempotencyKey, KeyReused, NotFound, Precondition, Unmet,
    UseCase, use_case_error,
};
use skep_domain::{
    files::{File, FileId, actions, events::FileDeleted},
    shared::Action,
};
use std::sync::Arc;

/// Which file to delete.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeleteFileCommand {
    /// The file to delete.
    pub file_id: FileId,
    /// The version that the file must still have, if the caller names one.
    pub precondition: Precondition,
}

use_case_error! {
    /// Why the file was not deleted.
    DeleteFileError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Marks files as deleted. From then on no caller sees them.
pub struct MarkFileDeleted;

impl Command for MarkFileDeleted {
    type Unit = dyn FilesTx;
    type Input = DeleteFileCommand;
    type Plan = DeleteFileCommand;
    type Target = File;
    type Answer = ();
    type Error = DeleteFileError;

    const NAME: &'static str = "files.delete_file";
    const ACTION: Action = actions::DELETE_FILE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.file_id.uuid()]);
        Ok(input)
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<File, Self::Error> {
        let file = unit.files().find(plan.file_id).await?.filter(File::is_complete);
        Ok(file.ok_or(NotFound("file"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut file: Authorized<'_, File>,
    ) -> Result<(), Self::Error> {
        plan.precondition.allow(file.version)?;
        let now = file.now();
        file.remove(now);
        let version = unit.files().save(&file).await?;
        let event = FileDeleted::of(&file);
        Ok(file.record(unit.outbox(), &event, version, file.updated_at).await?)
    }

    fn hidden(_: Denied) -> Self::Error {
        NotFound("file").into()
    }
}

/// Deletes a file and then its content. If the content cannot be deleted at once, the sweep deletes it.
pub struct DeleteFile {
    mark: UseCase<MarkFileDeleted>,
    remove: Arc<RemoveFiles>,
}

impl DeleteFile {
    /// Makes the use case. `remove` deletes the contents.
    #[must_use]
    pub fn new(commands: &Commands<dyn FilesTx>, remove: Arc<RemoveFiles>) -> Self {
        Self { mark: UseCase::new(MarkFileDeleted, commands), remove }
    }

    /// Deletes the file, once per key.
    ///
    /// # Errors
    /// [`DeleteFileError`].
    pub async fn execute_once(
        &self,
        actor: &Actor,
        key: Option<&IdempotencyKey>,
        command: DeleteFileCommand,
    ) -> Result<(), DeleteFileError> {
        let id = command.file_id;
        self.mark.execute_once(actor, key, command).await?;
        // The file is deleted. What is left over here is left to the sweep.
        let _ = self.remove.remove(id).await;
        Ok(())
    }
}
