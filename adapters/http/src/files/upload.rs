//! The body of an upload, which is passed on while it arrives.

use crate::{
    body::{self, ANY},
    parts::turn_after_body,
    problem::{self, Problem, from_body_io},
};
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, combinators::BoxBody};
use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef},
};
use skep_application::{
    files::{FileView, Upload, UploadFile, UploadFileCommand},
    kernel::{Actor, IdempotencyKey},
};
use std::io;
use tokio::{runtime::Handle, task::JoinHandle};

/// The content of a file, as any media type.
pub(super) struct Content<'a> {
    request: &'a Request,
    body: BoxBody<Bytes, io::Error>,
}

impl<'a> ApiExtractor<'a> for Content<'a> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { description: None, content: vec![any_content()], required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        body::check_head(request, &[ANY])?;
        let body = body.take().map_err(|error| problem::from_error(error.into()))?;
        Ok(Self { request, body: body.into() })
    }
}

/// A content of any media type, in the document.
pub(super) fn any_content() -> MetaMediaType {
    let schema = MetaSchema::new_with_format("string", "binary");
    MetaMediaType { content_type: ANY, schema: MetaSchemaRef::Inline(Box::new(schema)) }
}

impl Content<'_> {
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
        let mut counted = Counted(LEFT);
        let stored = self.store_one(upload_file, actor, key, command).await;
        counted.0 = match &stored {
            Ok(Stored { file, is_repeat: false }) => {
                metrics::counter!("skep_file_stored_bytes_total").increment(file.size);
                "stored"
            }
            Ok(_) => "repeated",
            Err(problem) if problem.status().is_client_error() => "refused",
            Err(_) => "failed",
        };
        stored.map(|stored| stored.file)
    }

    async fn store_one(
        self,
        upload_file: &UploadFile,
        actor: &Actor,
        key: Option<&IdempotencyKey>,
        command: UploadFileCommand,
    ) -> Result<Stored, Problem> {
        let Self { request, body } = self;
        let mut begun = Begun(Some(upload_file.begin(actor, command).await?));
        let received = async {
            if let Some(upload) = &mut begun.0 {
                receive(upload, body).await?;
            }
            turn_after_body(request).await
        };
        if let Err(problem) = received.await {
            begun.remove().await;
            return Err(problem);
        }
        let upload = begun.0.take().ok_or_else(|| Problem::internal("an upload is finished once"))?;
        let id = upload.id();
        let file = upload.finish(actor, key).await?;
        Ok(Stored { is_repeat: file.id != id, file })
    }
}

struct Stored {
    file: FileView,
    /// Whether an earlier request with the same key has stored it.
    is_repeat: bool,
}

/// The outcome of an upload whose client goes away.
const LEFT: &str = "left";

/// Counts an upload with its outcome when it is dropped.
struct Counted(&'static str);

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::counter!("skep_file_uploads_total", "outcome" => self.0).increment(1);
    }
}

/// An upload that receives its content. If its client has gone, a separate task removes it.
struct Begun(Option<Upload>);

impl Begun {
    /// Removes the upload, also if the client goes meanwhile. Then the user can begin another one.
    async fn remove(mut self) {
        if let Some(removing) = self.removing() {
            // It cannot be cancelled, and a panic is left to the sweep.
            let _ = removing.await;
        }
    }

    /// Outside of a runtime, the process ends, and a sweep removes the upload.
    fn removing(&mut self) -> Option<JoinHandle<()>> {
        let (upload, runtime) = (self.0.take()?, Handle::try_current().ok()?);
        Some(runtime.spawn(upload.abandon()))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.removing();
    }
}

async fn receive(upload: &mut Upload, mut body: BoxBody<Bytes, io::Error>) -> Result<(), Problem> {
    while let Some(frame) = body.frame().await {
        // Trailers are ignored.
        let Ok(piece) = frame.map_err(|error| from_body_io(&error))?.into_data() else { continue };
        upload.write(&piece).await?;
    }
    Ok(())
}
