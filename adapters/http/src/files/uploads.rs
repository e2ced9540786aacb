//! The endpoints of uploads in pieces.

use super::{
    dto::{OpenUploadBody, UploadBody},
    piece::{self, Piece},
    piece_checksum::PieceChecksum,
    tus::{Described, TusVersion, UPLOADS, UploadLength, UploadOffset, http_date},
};
use crate::{
    parts::{Answer, Done, Id, List, Listed, RepeatKey, Sent, SignedIn, path_of},
    problem::Problem,
};
use poem_openapi::{ApiResponse, OpenApi, Tags, param::Path};
use skep_application::files::{AppendUploadCommand, Appended, CreateUploadCommand, UploadView};
use skep_domain::files::FileId;

#[derive(Tags)]
enum Tag {
    /// Storing files in pieces, by tus 1.0. An upload goes on after a lost connection, from the last byte that arrived.
    Uploads,
}

/// 201 with the place of a new upload.
#[derive(ApiResponse)]
enum UploadCreated {
    /// The upload was created. The answer has no body.
    #[oai(status = 201)]
    Created(
        /// The path of the upload.
        #[oai(header = "Location")]
        String,
        /// The time at which the upload is given up. It is absent if the upload is complete.
        #[oai(header = "Upload-Expires")]
        Option<String>,
    ),
}

/// 200 with the state of an upload, in headers and as JSON.
#[derive(ApiResponse)]
enum UploadShown {
    /// The upload.
    #[oai(status = 200)]
    Ok(
        Answer<UploadBody>,
        /// The number of bytes that are stored.
        #[oai(header = "Upload-Offset")]
        u64,
        /// The number of bytes of the whole upload.
        #[oai(header = "Upload-Length")]
        u64,
        /// The metadata as it was sent. It is absent if there was none.
        #[oai(header = "Upload-Metadata")]
        Option<String>,
        /// The time at which the upload is given up. It is absent if the upload is complete.
        #[oai(header = "Upload-Expires")]
        Option<String>,
        /// `no-store`.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

/// 204 with the offset after a piece.
#[derive(ApiResponse)]
enum PieceAdded {
    /// The piece is stored. The answer has no body.
    #[oai(status = 204)]
    Added(
        /// The number of bytes that are stored now.
        #[oai(header = "Upload-Offset")]
        u64,
        /// The time at which the upload is given up. It is absent if the upload is complete.
        #[oai(header = "Upload-Expires")]
        Option<String>,
    ),
}

#[derive(Default)]
pub(super) struct UploadsApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Uploads")]
impl UploadsApi {
    /// Create an upload
    ///
    /// Creates an upload whose bytes are sent afterwards, with `PATCH` to the path in `Location`. Needs an account. The
    /// bytes count in the quota of the caller from the creation on. Every call creates another upload, unless it repeats an
    /// `Idempotency-Key`. `OPTIONS` of this path returns what the server supports of tus 1.0, and `Tus-Max-Size`.
    #[oai(path = "/uploads", method = "post", operation_id = "create_upload")]
    async fn create(
        &self,
        caller: SignedIn,
        Sent(_version): Sent<TusVersion>,
        Sent(length): Sent<UploadLength>,
        Sent(described): Sent<Described>,
        Sent(key): RepeatKey,
    ) -> Result<UploadCreated, Problem> {
        let Described { metadata, name, purpose, visibility } = described;
        let command = CreateUploadCommand { name, purpose, visibility, length: length.0, metadata };
        let create_upload = &caller.app().files.create_upload;
        let upload = create_upload.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(UploadCreated::Created(path_of(UPLOADS, upload.id, ""), upload.expires_at.map(http_date)))
    }

    /// List open uploads
    ///
    /// Lists the caller's uploads that are neither complete nor expired. Needs an account. Staff also get only their own.
    /// The list is not a part of tus, but its requests have the header `Tus-Resumable`, as tus fixes for all requests.
    #[oai(path = "/uploads", method = "get", operation_id = "list_uploads")]
    async fn list(
        &self,
        caller: SignedIn,
        Sent(_version): Sent<TusVersion>,
        Sent(list): List<()>,
    ) -> Result<Listed<OpenUploadBody>, Problem> {
        let list = list.open(&caller, UPLOADS)?;
        let page = caller.app().files.list_uploads.execute(&caller.actor, list.direction, &list.page).await?;
        Ok(list.answer(page))
    }

    /// Get the offset of an upload
    ///
    /// Returns how many bytes of an upload of the caller are stored, in `Upload-Offset`; `HEAD` returns the same without a
    /// body. Needs an account. The next piece begins there. If the offset is the length, the file is ready and has the
    /// same id.
    #[oai(path = "/uploads/:id", method = "get", operation_id = "get_upload")]
    async fn get(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<FileId>>,
        Sent(_version): Sent<TusVersion>,
    ) -> Result<UploadShown, Problem> {
        let upload = caller.app().files.get_upload.execute(&caller.actor, id.0).await?;
        let UploadView { ref metadata, offset, length, expires_at, .. } = upload;
        let metadata = Some(metadata.as_str().to_owned()).filter(|metadata| !metadata.is_empty());
        let expires = expires_at.map(http_date);
        Ok(UploadShown::Ok(Answer(upload.into()), offset, length, metadata, expires, "no-store".to_owned()))
    }

    /// Send a piece of an upload
    ///
    /// Adds the body at `Upload-Offset`, which must be the number of bytes that are stored. Needs an account. One request
    /// at a time adds bytes; another one is answered 423. If the connection breaks off, what has arrived is kept, unless
    /// the request has an `Upload-Checksum`. The last piece makes the file ready, and is answered when that is durable.
    #[oai(path = "/uploads/:id", method = "patch", operation_id = "append_upload")]
    async fn append(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<FileId>>,
        Sent(_version): Sent<TusVersion>,
        Sent(offset): Sent<UploadOffset>,
        Sent(checksum): Sent<PieceChecksum>,
        piece: Piece<'_>,
    ) -> Result<PieceAdded, Problem> {
        let is_checked = checksum.0.is_some();
        let command = AppendUploadCommand { id: id.0, offset: offset.0, length: piece.length(), is_checked };
        let append_upload = &caller.app().files.append_upload;
        let added = piece::add(append_upload, &caller.actor, command, (piece, checksum.0)).await?;
        let Appended { offset, expires_at, .. } = added;
        Ok(PieceAdded::Added(offset, expires_at.map(http_date)))
    }

    /// End an upload
    ///
    /// Removes an upload of the caller with everything that was received, and gives its bytes back to the quota. If it is
    /// complete, its file is deleted. Needs an account.
    #[oai(path = "/uploads/:id", method = "delete", operation_id = "terminate_upload")]
    async fn terminate(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<FileId>>,
        Sent(_version): Sent<TusVersion>,
    ) -> Result<Done, Problem> {
        caller.app().files.terminate_upload.execute(&caller.actor, id.0).await?;
        Ok(Done::Done)
    }
}
