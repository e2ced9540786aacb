//! The body of an upload, which is passed on while it arrives.

use super::form::{self, Form};
use crate::{
    body::{self, ANY},
    edge::RequestContext,
    parts::{turn_after_body, turn_within_body},
    problem::{self, Problem, from_body_io},
};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, combinators::BoxBody};
use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef},
};
use skep_application::{
    files::{FileView, Upload, UploadFile, UploadFileCommand, UploadLinkedFileError},
    kernel::{Actor, IdempotencyKey},
};
use std::{io, pin::pin};
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::task::TaskTracker;

/// The content of a file, as any media type.
pub(super) struct Content<'a> {
    pub(super) request: &'a Request,
    pub(super) body: BoxBody<Bytes, io::Error>,
}

impl<'a> ApiExtractor<'a> for Content<'a> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { description: None, content: vec![any_content()], required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Self::of(request, body, ANY)
    }
}

/// A content of any media type, in the document.
pub(super) fn any_content() -> MetaMediaType {
    binary(ANY)
}

/// Bytes of this media type, in the document.
pub(super) fn binary(content_type: &'static str) -> MetaMediaType {
    let schema = MetaSchema::new_with_format("string", "binary");
    MetaMediaType { content_type, schema: MetaSchemaRef::Inline(Box::new(schema)) }
}

impl<'a> Content<'a> {
    /// Takes the body of a request, which has this media type.
    pub(super) fn of(request: &'a Request, body: &mut RequestBody, media_type: &'static str) -> Result<Self> {
        body::check_head(request, &[media_type])?;
        let body = body.take().map_err(|error| problem::from_error(error.into()))?;
        Ok(Self { request, body: body.into() })
    }

    /// The number of bytes that the client announces. The edge has checked that a body has as many.
    pub(super) fn length(&self) -> Option<u64> {
        self.request.header(CONTENT_LENGTH).and_then(|length| length.parse().ok())
    }

    /// Stores the content as it arrives. If it does not arrive or cannot be stored, nothing is left of it.
    pub(super) async fn store(
        self,
        upload_file: &UploadFile,
        actor: &Actor,
        key: Option<&IdempotencyKey>,
        command: UploadFileCommand,
    ) -> Result<FileView, Problem> {
        count(Box::pin(self.store_one(upload_file, actor, key, command))).await
    }

    /// Stores the content of an upload that a link begins, as it arrives.
    pub(super) async fn store_by_link(
        self,
        actor: &Actor,
        begin: impl Future<Output = Result<Upload, UploadLinkedFileError>>,
    ) -> Result<FileView, Problem> {
        count(Box::pin(async {
            let Self { request, body } = self;
            receive(request, begin.await?, Source::Body(body), actor, None).await
        }))
        .await
    }

    async fn store_one(
        self,
        upload_file: &UploadFile,
        actor: &Actor,
        key: Option<&IdempotencyKey>,
        command: UploadFileCommand,
    ) -> Result<Stored, Problem> {
        let Self { request, body } = self;
        let (upload, source) = match form::boundary(request, &command)? {
            None => (upload_file.begin(actor, command).await?, Source::Body(body)),
            Some(boundary) => {
                let mut form = Form::new(body, boundary);
                let (command, file) = form.open(command).await?;
                // The request has given its place back while its fields arrived.
                let begun = turn_within_body(request, upload_file.begin(actor, command)).await?;
                (begun?, Source::Form(Box::new((form, file))))
            }
        };
        receive(request, upload, source, actor, key).await
    }
}

/// Counts an upload with its outcome.
async fn count(storing: impl Future<Output = Result<Stored, Problem>>) -> Result<FileView, Problem> {
    let mut counted = Counted::new("skep_file_uploads_total", LEFT);
    let stored = storing.await;
    counted.1 = match &stored {
        Ok(Stored { file, is_repeat: false }) => {
            counted.count_bytes(file.size);
            "stored"
        }
        Ok(_) => "repeated",
        Err(problem) if problem.status().is_client_error() => "refused",
        Err(_) => "failed",
    };
    stored.map(|stored| stored.file)
}

/// Receives the content of an upload and stores it. If it does not arrive, the upload is removed.
async fn receive(
    request: &Request,
    upload: Upload,
    source: Source,
    actor: &Actor,
    key: Option<&IdempotencyKey>,
) -> Result<Stored, Problem> {
    let mut begun = Begun::new(upload, endings(request));
    let received = async {
        match source {
            Source::Body(body) => begun.receive(body).await?,
            Source::Form(parts) => {
                let (form, file) = *parts;
                begun.receive_pieces(form::content(file)).await?;
                form.end().await?;
            }
        }
        turn_after_body(request).await
    };
    if let Err(problem) = received.await {
        begun.leave().await;
        return Err(problem);
    }
    let upload = begun.take().ok_or_else(|| Problem::internal("an upload is finished once"))?;
    let id = upload.id();
    let file = upload.finish(actor, key).await?;
    Ok(Stored { is_repeat: file.id != id, file })
}

/// The place of the content in a request.
enum Source {
    /// The body is the content.
    Body(BoxBody<Bytes, io::Error>),
    /// A part of a form is the content.
    Form(Box<(Form, multer::Field<'static>)>),
}

struct Stored {
    file: FileView,
    /// Whether an earlier request with the same key has stored it.
    is_repeat: bool,
}

/// The outcome of an upload whose client goes away.
const LEFT: &str = "left";

/// Counts with its outcome when it is dropped. The first value is the name of the counter.
pub(super) struct Counted(&'static str, pub(super) &'static str);

impl Counted {
    pub(super) const fn new(name: &'static str, outcome: &'static str) -> Self {
        Self(name, outcome)
    }

    /// Counts the bytes of a content that was stored.
    pub(super) fn count_bytes(&self, bytes: u64) {
        metrics::counter!("skep_file_stored_bytes_total").increment(bytes);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::counter!(self.0, "outcome" => self.1).increment(1);
    }
}

/// The tasks that a server waits for when it stops.
pub(super) fn endings(request: &Request) -> TaskTracker {
    request.extensions().get::<RequestContext>().map(|context| context.endings.clone()).unwrap_or_default()
}

/// What a request does that receives bytes.
pub(super) trait Unfinished: Send + 'static {
    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), Problem>> + Send;

    /// Ends it before all bytes have arrived.
    fn leave(self) -> impl Future<Output = ()> + Send;
}

impl Unfinished for Upload {
    async fn take(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        Ok(self.write(bytes).await?)
    }

    /// Removes the upload. Then the user can begin another one.
    async fn leave(self) {
        self.abandon().await;
    }
}

/// Work that receives bytes. If its client has gone, a separate task ends it.
pub(super) struct Begun<U: Unfinished> {
    work: Option<U>,
    endings: TaskTracker,
}

impl<U: Unfinished> Begun<U> {
    pub(super) const fn new(work: U, endings: TaskTracker) -> Self {
        Self { work: Some(work), endings }
    }

    /// Passes each piece of the body on as it arrives.
    pub(super) async fn receive(&mut self, body: BoxBody<Bytes, io::Error>) -> Result<(), Problem> {
        // Trailers are ignored.
        self.receive_pieces(body.into_data_stream().map_err(|error| from_body_io(&error))).await
    }

    /// Passes each piece on as it arrives.
    pub(super) async fn receive_pieces(
        &mut self,
        pieces: impl Stream<Item = Result<Bytes, Problem>> + Send,
    ) -> Result<(), Problem> {
        let Some(work) = &mut self.work else { return Ok(()) };
        let mut pieces = pin!(pieces);
        while let Some(piece) = pieces.try_next().await? {
            work.take(&piece).await?;
        }
        Ok(())
    }

    pub(super) const fn take(&mut self) -> Option<U> {
        self.work.take()
    }

    /// Ends the work, also if the client goes meanwhile.
    pub(super) async fn leave(mut self) {
        if let Some(leaving) = self.leaving() {
            // It cannot be cancelled, and a panic is left to the sweep.
            let _ = leaving.await;
        }
    }

    /// Outside of a runtime, the process ends, and a sweep removes the upload.
    fn leaving(&mut self) -> Option<JoinHandle<()>> {
        let (work, runtime) = (self.work.take()?, Handle::try_current().ok()?);
        Some(self.endings.spawn_on(work.leave(), &runtime))
    }
}

impl<U: Unfinished> Drop for Begun<U> {
    fn drop(&mut self) {
        self.leaving();
    }
}
