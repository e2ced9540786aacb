//! Adding bytes to an upload.

use super::{get_upload::own, hold::Hold};
use crate::{
    files::{FileView, FilesTx, MediaTypeNotAllowed, PartialBlob, UploadFileError, UploadParts, upload_parts::Arrived},
    jobs::EnqueueError,
    kernel::{Actor, AppError as _, Denied, Key, NotFound, StoreError, TxMode, permit, refusal, run, use_case_error},
};
use skep_domain::{
    files::{AppendRefused, File, FileId, actions},
    shared::{LeaseToken, Timestamp},
};
use std::{sync::Arc, time::Duration};

/// After so many bytes, what has arrived is made durable.
const KEPT_EVERY: u64 = 16 << 20;
/// After this time, what has arrived is made durable, and the upload is held for another term.
const RENEWED_EVERY: Duration = Duration::from_secs(15);

refusal! {
    /// The upload was not complete in time, or was ended; create another one.
    UploadExpired = Gone, "upload_expired";
}

refusal! {
    /// Another request sends bytes to this upload; try again when it has ended.
    UploadLocked = Locked, "upload_locked";
    fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
}

refusal! {
    /// The bytes do not follow those that are stored; ask for the offset again.
    WrongOffset {
        /// The offset of the upload.
        pub offset: u64,
    } = Conflict, "upload_offset_mismatch", "the upload continues at byte {offset}";
}

refusal! {
    /// The upload is complete. Its file has the same id.
    UploadComplete = Conflict, "upload_complete";
}

refusal! {
    /// The request has more bytes than the upload lacks.
    PieceTooLong {
        /// The number of bytes that the upload lacks.
        pub left: u64,
    } = TooLarge, "piece_too_long", "the upload lacks only {left} bytes";
}

refusal! {
    /// The bytes differ from the checksum that was sent with them. None of them was kept.
    PieceMismatch = Damaged, "checksum_mismatch";
}

use_case_error! {
    /// The reason why no bytes were added.
    AppendUploadError {
        Denied(Denied),
        NotFound(NotFound),
        Expired(UploadExpired),
        Locked(UploadLocked),
        Offset(WrongOffset),
        Complete(UploadComplete),
        TooLong(PieceTooLong),
        Mismatch(PieceMismatch),
        MediaType(MediaTypeNotAllowed),
        Enqueue(EnqueueError),
    }
}

impl From<AppendRefused> for AppendUploadError {
    fn from(refused: AppendRefused) -> Self {
        match refused {
            AppendRefused::Unknown => NotFound("upload").into(),
            AppendRefused::Expired => UploadExpired.into(),
            AppendRefused::Complete => UploadComplete.into(),
            AppendRefused::Held => UploadLocked.into(),
            AppendRefused::WrongOffset(offset) => WrongOffset { offset }.into(),
            AppendRefused::TooLong(left) => PieceTooLong { left }.into(),
        }
    }
}

/// The upload that bytes are added to, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendUploadCommand {
    /// The upload.
    pub id: FileId,
    /// The number of bytes that the client takes for stored.
    pub offset: u64,
    /// The number of bytes that will be sent, if it is known.
    pub length: Option<u64>,
    /// Whether the bytes count only after they were compared with a checksum, all together.
    pub is_checked: bool,
}

/// Lets requests add bytes to uploads.
pub struct AppendUpload {
    parts: Arc<UploadParts>,
}

impl AppendUpload {
    /// Uploads with these ports and rules.
    #[must_use]
    pub const fn new(parts: Arc<UploadParts>) -> Self {
        Self { parts }
    }

    /// Holds the upload for this request, and opens its content at the offset.
    ///
    /// The content is locked first, and changed only under a hold that was taken after that. So a request that was passed
    /// over, and comes late, changes neither the content of the next request nor that of a ready file.
    ///
    /// # Errors
    /// [`AppendUploadError`].
    pub async fn begin(&self, actor: &Actor, command: AppendUploadCommand) -> Result<Appending, AppendUploadError> {
        permit(actor, actions::UPLOAD_FILE)?;
        let (parts, AppendUploadCommand { id, offset, length, is_checked }) = (&self.parts, command);
        let token = LeaseToken::new(parts.runtime.ids.next());
        let locked = parts.blobs.lock(id).await?.ok_or(UploadLocked)?;
        let now = parts.runtime.clock.now();
        let is_alone = locked.is_exclusive();
        let file = run(&parts.runtime, actor.deadline, |attempt| async move {
            let mut unit = parts.store.begin(TxMode::Write, &[Key(id.uuid())]).await?;
            let held = hold(&mut *unit, actor, (id, offset, length), (token, is_alone), now).await;
            attempt.end(unit, held).await
        })
        .await?;
        let opened = locked.resume(offset).await;
        let hold = Hold { parts: Arc::clone(parts), id, token };
        match opened {
            Ok(Some(content)) => {
                let renewed = parts.runtime.clock.monotonic();
                let (start, end, kept) = (offset, offset, offset);
                Ok(Appending { hold, file, content, start, end, kept, is_checked, renewed })
            }
            // Another request has begun the content.
            Ok(None) => {
                hold.let_go(offset).await;
                Err(UploadLocked.into())
            }
            Err(error) => {
                hold.let_go(offset).await;
                Err(error.into())
            }
        }
    }
}

async fn hold(
    unit: &mut dyn FilesTx,
    actor: &Actor,
    (id, offset, length): (FileId, u64, Option<u64>),
    (token, is_alone): (LeaseToken, bool),
    now: Timestamp,
) -> Result<File, AppendUploadError> {
    let mut file = own(actor, unit.files().find(id).await?).ok_or(NotFound("upload"))?;
    if is_alone {
        file.pass_over();
    }
    file.append(offset, length, token, now)?;
    unit.files().save(&file).await?;
    Ok(file)
}

/// The result of a request that has added bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The number of bytes that are stored now.
    pub offset: u64,
    /// The time at which the upload is given up. `None` if it is complete.
    pub expires_at: Option<Timestamp>,
    /// The file, if it is complete.
    pub file: Option<FileView>,
}

/// A request that adds bytes to an upload, which it holds. End it with [`Appending::end`], or with [`Appending::stop`] if
/// its client has gone. If it is dropped, the hold ends after its term.
pub struct Appending {
    hold: Hold,
    file: File,
    content: Box<dyn PartialBlob>,
    /// The offset at which it has begun.
    start: u64,
    /// The offset after the bytes that have arrived.
    end: u64,
    /// The offset that is durable.
    kept: u64,
    is_checked: bool,
    /// When the hold was last renewed, by the monotonic clock.
    renewed: Duration,
}

impl Appending {
    /// Adds bytes. From time to time, those that have arrived are made durable.
    ///
    /// # Errors
    /// [`AppendUploadError`]: the upload has announced fewer bytes, is no longer held, or they cannot be stored.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), AppendUploadError> {
        let end = self.end.saturating_add(bytes.len() as u64);
        if end > self.file.size {
            return Err(PieceTooLong { left: self.file.size.saturating_sub(self.start) }.into());
        }
        self.content.write(bytes).await?;
        self.end = end;
        let now = self.hold.parts.runtime.clock.monotonic();
        let is_late = now.saturating_sub(self.renewed) >= RENEWED_EVERY;
        if is_late || (!self.is_checked && self.end - self.kept >= KEPT_EVERY) {
            self.sync().await?;
            self.hold.keep(self.kept).await?;
            self.renewed = now;
        }
        Ok(())
    }

    /// Makes what has arrived durable, unless it must be compared first.
    async fn sync(&mut self) -> Result<(), StoreError> {
        if !self.is_checked {
            self.kept = self.content.sync().await?;
        }
        Ok(())
    }

    /// Ends the request after its last byte. `is_intact` says whether the bytes have the checksum that was sent with them.
    /// The last piece makes the file ready. If that fails, the upload stays as it was before the piece, unless its content
    /// can never be stored.
    ///
    /// # Errors
    /// [`AppendUploadError`].
    pub async fn end(mut self, actor: &Actor, is_intact: bool) -> Result<Appended, AppendUploadError> {
        if !is_intact {
            self.stop().await;
            return Err(PieceMismatch.into());
        }
        self.is_checked = false;
        if self.end == self.file.size {
            return self.finish(actor).await;
        }
        self.sync().await?;
        let Self { hold, file, content, kept, .. } = self;
        hold.end(kept).await?;
        // Last, so that a request that gets the lock passes no hold over whose request still works.
        drop(content);
        Ok(Appended { offset: kept, expires_at: file.resumable.map(|known| known.expires_at), file: None })
    }

    /// Ends a request whose client has gone. What has arrived is kept, unless it must be compared first.
    pub async fn stop(mut self) {
        // What cannot be made durable now is sent again.
        let _ = self.sync().await;
        let Self { hold, content, kept, .. } = self;
        hold.let_go(kept).await;
        drop(content);
    }

    async fn finish(self, actor: &Actor) -> Result<Appended, AppendUploadError> {
        let Self { hold, file, content, kept, .. } = self;
        let (declared, holder) = (Some(file.size), Some(hold.token));
        let finished = async {
            let assembled = content.assemble().await?;
            let (staged, beginning) = (assembled.staged, assembled.beginning);
            let arrived = Arrived { file, declared, expected: None, holder, staged, beginning, media_type: None };
            hold.parts.finish(arrived, actor, None).await
        };
        match finished.await {
            Ok(file) => Ok(Appended { offset: file.size, expires_at: None, file: Some(file) }),
            Err(UploadFileError::MediaType(refused)) => {
                let _ = hold.parts.remove.remove(hold.id).await;
                Err(refused.into())
            }
            Err(error) => {
                // If the hold was lost meanwhile, that is the reason: an upload that was ended has no content any more.
                let lost = hold.end(kept).await.err().filter(|error| error.store_error().is_none());
                Err(match error {
                    UploadFileError::Denied(denied) => denied.into(),
                    UploadFileError::Enqueue(refused @ EnqueueError::TooManyWaitingJobs(_)) => refused.into(),
                    UploadFileError::Store(StoreError::OutcomeUnknown(cause)) => {
                        StoreError::OutcomeUnknown(cause).into()
                    }
                    UploadFileError::Store(error) => lost.unwrap_or(error.into()),
                    UploadFileError::GivenUp(_) => lost.unwrap_or(UploadExpired.into()),
                    other => StoreError::corrupt("files", hold.id, &other.to_string()).into(),
                })
            }
        }
    }
}
