//! The hold of a request on an upload, in the store.

use super::{AppendUploadError, UploadExpired, UploadLocked};
use crate::{
    files::{FilesTx, UploadParts},
    kernel::{Attempt, Key, TxMode, run},
};
use skep_domain::{
    files::{File, FileId, FileState},
    shared::{Fenced, LeaseToken, Timestamp},
};
use std::sync::Arc;

/// The hold of a request on an upload.
pub(super) struct Hold {
    pub(super) parts: Arc<UploadParts>,
    pub(super) id: FileId,
    pub(super) token: LeaseToken,
}

impl Hold {
    /// Changes the upload as long as it is held.
    async fn change(
        &self,
        change: impl Fn(&mut File, Timestamp) -> Result<(), Fenced> + Send + Sync,
    ) -> Result<(), AppendUploadError> {
        let (parts, change, now) = (&self.parts, &change, self.parts.runtime.clock.now());
        run(&parts.runtime, None, |attempt| async move {
            let mut unit = parts.store.begin(TxMode::Write, &[Key(self.id.uuid())]).await?;
            let changed = self.change_in(&mut *unit, &attempt, |file| change(file, now)).await;
            attempt.end(unit, changed).await
        })
        .await
    }

    async fn change_in(
        &self,
        unit: &mut dyn FilesTx,
        attempt: &Attempt,
        change: impl Fn(&mut File) -> Result<(), Fenced> + Send,
    ) -> Result<(), AppendUploadError> {
        let mut file = unit.files().find(self.id).await?.ok_or(UploadExpired)?;
        match change(&mut file) {
            Ok(()) => Ok(unit.files().save(&file).await.map(drop)?),
            // The earlier attempt may have ended the hold.
            Err(Fenced) if attempt.after_unknown => Ok(()),
            // The upload goes on, by another request or by none.
            Err(Fenced) if file.state == FileState::Uploading => Err(UploadLocked.into()),
            Err(Fenced) => Err(UploadExpired.into()),
        }
    }

    /// Notes the durable offset.
    pub(super) async fn keep(&self, kept: u64) -> Result<(), AppendUploadError> {
        self.change(|file, now| file.keep(kept, self.token, now)).await
    }

    /// Notes the durable offset, and ends the hold.
    pub(super) async fn end(&self, kept: u64) -> Result<(), AppendUploadError> {
        self.change(|file, now| {
            file.keep(kept, self.token, now)?;
            file.let_go(self.token)
        })
        .await
    }

    /// Ends the hold. If that fails, it ends by itself.
    pub(super) async fn let_go(&self, kept: u64) {
        let _ = self.end(kept).await;
    }
}
