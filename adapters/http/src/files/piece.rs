//! The body of a piece of an upload, which is passed on while it arrives.

use super::{
    piece_checksum::Algorithm,
    tus::PIECE,
    upload::{Begun, Content, Counted, Unfinished, binary, endings},
};
use crate::{parts::turn_after_body, problem::Problem};
use poem::{Request, RequestBody, Result};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, registry::MetaRequest};
use skep_application::{
    files::{AppendUpload, AppendUploadCommand, AppendUploadError, Appended, Appending},
    kernel::Actor,
};

/// A piece, of the media type that tus fixes.
pub(super) struct Piece<'a>(Content<'a>);

impl<'a> ApiExtractor<'a> for Piece<'a> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { description: None, content: vec![binary(PIECE)], required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Content::of(request, body, PIECE).map(Self)
    }
}

impl Piece<'_> {
    /// The number of bytes that the client announces.
    pub(super) fn length(&self) -> Option<u64> {
        self.0.length()
    }
}

/// A piece that arrives, and its checksum.
struct Arriving {
    appending: Appending,
    algorithm: Option<Algorithm>,
}

impl Unfinished for Arriving {
    async fn take(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        if let Some(algorithm) = &mut self.algorithm {
            algorithm.update(bytes);
        }
        Ok(self.appending.write(bytes).await?)
    }

    /// What has arrived is kept.
    async fn leave(self) {
        self.appending.stop().await;
    }
}

/// Adds a piece as it arrives.
pub(super) async fn add(
    append_upload: &AppendUpload,
    actor: &Actor,
    command: AppendUploadCommand,
    piece: (Piece<'_>, Option<(Algorithm, Vec<u8>)>),
) -> Result<Appended, Problem> {
    let mut counted = Counted::new("skep_upload_pieces_total", "cut");
    let added = add_one(append_upload, actor, command, piece).await;
    counted.1 = match &added {
        Ok(_) => "stored",
        Err(problem) if problem.code() == "body_incomplete" => "cut",
        Err(problem) if problem.status().is_client_error() => "refused",
        Err(_) => "failed",
    };
    if let Ok(Appended { file: Some(file), .. }) = &added {
        Counted::new("skep_file_uploads_total", "stored").count_bytes(file.size);
    }
    added
}

async fn add_one(
    append_upload: &AppendUpload,
    actor: &Actor,
    command: AppendUploadCommand,
    (Piece(Content { request, body }), checksum): (Piece<'_>, Option<(Algorithm, Vec<u8>)>),
) -> Result<Appended, Problem> {
    let (algorithm, expected) = checksum.unzip();
    let endings = endings(request);
    let arriving = Arriving { appending: append_upload.begin(actor, command).await?, algorithm };
    let mut begun = Begun::new(arriving, endings.clone());
    let received = async {
        begun.receive(body).await?;
        turn_after_body(request).await
    };
    if let Err(problem) = received.await {
        begun.leave().await;
        return Err(problem);
    }
    let arrived = begun.take().ok_or_else(|| Problem::internal("a piece is finished once"))?;
    let Arriving { appending, algorithm } = arrived;
    let is_intact = algorithm.map(Algorithm::digest) == expected;
    let actor = actor.clone();
    // The bytes have all arrived, so a client that goes away now does not undo them.
    let ended = endings.spawn(async move { appending.end(&actor, is_intact).await });
    let ended: Result<Appended, AppendUploadError> = ended.await.map_err(Problem::internal)?;
    Ok(ended?)
}
