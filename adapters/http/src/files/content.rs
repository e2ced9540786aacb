//! The answer with the content of a file.

use super::{
    file_name,
    parameters::repr_digest,
    range::{Asked, asked},
    upload::any_content,
};
use crate::{
    conditions::Conditions,
    parts::{PublicContents, State},
    problem::{Problem, code},
};
use futures_util::stream;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, ETAG, VARY,
    },
};
use poem::{Body, IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};
use skep_application::{
    App,
    files::{BlobReader, FileView, Files, GetImageError, LinkedUse, ShownContent},
    kernel::{AppError as _, ErrorKind, GetError, StoreError},
};
use skep_domain::files::{FileDisposition, FileVisibility};
use std::{fmt::Display, io, sync::Arc, time::Duration};

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// How long caches keep a picture in a size, because the name of the size can get another meaning.
const SIZED_CACHED: Duration = Duration::from_hours(24);

/// A content must not load or run anything, even if a browser shows it.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");

/// The whole content, a part of it, or the word that the client has it already.
pub(super) struct ContentAnswer(Response);

impl IntoResponse for ContentAnswer {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for ContentAnswer {
    fn meta() -> MetaResponses {
        let header = |name: &str, description: &str| MetaHeader {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required: true,
            deprecated: false,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        };
        let etag = || header("ETag", "The tag of the content, which never changes.");
        let name = || header("Content-Disposition", "The name of the file, and whether a browser may show it.");
        let answer = |status, description, headers| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![any_content()],
            headers,
        };
        let range = header("Content-Range", "The place of these bytes in the content.");
        let responses = vec![
            answer(200, "The content.", vec![etag(), name()]),
            answer(206, "The bytes that `Range` asks for.", vec![etag(), name(), range]),
        ];
        MetaResponses { responses }
    }

    fn register(_: &mut Registry) {}
}

/// The entity tag of a content.
fn etag(file: &FileView) -> String {
    format!("\"{}\"", file.checksum)
}

fn value(text: impl Display) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(&text.to_string()).map_err(Problem::internal)
}

/// What a request gets, if its conditions and its range allow it.
pub(super) struct Found {
    pub(super) shown: ShownContent,
    /// The link of the request, if it has one.
    pub(super) linked: Option<LinkedUse>,
    /// Whether the URL returns the same content for ever.
    pub(super) is_fixed: bool,
}

/// The headers of every answer with a content.
fn describe(found: &Found, contents: &PublicContents, headers: &mut HeaderMap) -> Result<(), Problem> {
    let Found { shown, linked, is_fixed } = found;
    let file = &shown.file;
    let is_saved = linked.as_ref().is_some_and(|linked| linked.disposition == FileDisposition::Attachment);
    let is_shown = file.media_type.is_shown_safely() && !is_saved;
    let media_type = match file.media_type.as_str() {
        "text/plain" => value("text/plain; charset=utf-8")?,
        other => value(other)?,
    };
    headers.insert(CONTENT_TYPE, media_type);
    let name = file_name::write(&file.name, is_shown);
    headers.insert(CONTENT_DISPOSITION, name.ok_or_else(|| Problem::internal("a name cannot be a header"))?);
    headers.insert(CONTENT_SECURITY_POLICY, SANDBOX);
    headers.insert(ETAG, value(etag(file))?);
    headers.insert(REPR_DIGEST, value(repr_digest(&file.checksum))?);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let most = (!is_fixed).then_some(SIZED_CACHED);
    if let Some(linked) = linked {
        let seconds = linked.left.min(most.unwrap_or(Duration::MAX)).as_secs();
        headers.insert(CACHE_CONTROL, value(format_args!("private, max-age={seconds}"))?);
        return Ok(());
    }
    let cached = match file.visibility {
        FileVisibility::Public => contents.cache_control(most),
        FileVisibility::Private => HeaderValue::from_static("private, no-cache"),
    };
    headers.insert(CACHE_CONTROL, cached);
    match file.visibility {
        // Pages of other sites may show it.
        FileVisibility::Public => headers.insert(CORP, HeaderValue::from_static("cross-origin")),
        FileVisibility::Private => headers.insert(VARY, HeaderValue::from_static("Authorization, Cookie")),
    };
    Ok(())
}

/// The picture of a file in a size, or its own content without one.
pub(super) async fn choose(files: &Files, file: FileView, size: Option<&str>) -> Result<ShownContent, GetImageError> {
    let Some(size) = size else { return Ok(ShownContent::whole(file)) };
    let got = files.get_image.execute(&file, size).await;
    let outcome = match &got {
        Ok(image) if image.is_new => "made",
        Ok(_) => "kept",
        Err(GetImageError::Busy(_)) => "busy",
        Err(error) if error.kind() == ErrorKind::Invalid || error.kind() == ErrorKind::NotFound => "refused",
        Err(_) => "failed",
    };
    metrics::counter!("skep_file_images_total", "outcome" => outcome).increment(1);
    got.map(|image| image.shown)
}

/// Answers a request for the content of a file that the caller may see, perhaps by a link. The conditions are judged first,
/// then the range.
pub(super) async fn answer(state: &State, found: Found, asked_by: &HeaderMap) -> Result<ContentAnswer, Problem> {
    let (app, mut response) = (&state.app, Response::builder().status(StatusCode::OK).finish());
    describe(&found, &state.contents, response.headers_mut())?;
    let (files, shown) = (&app.files, found.shown);
    let file = &shown.file;
    if let Some(conditions) = Conditions::of(asked_by) {
        response = conditions.judge_read(response)?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(ContentAnswer(response));
        }
    }
    let part = match asked(asked_by, file.size, &etag(file)) {
        Asked::All => None,
        Asked::Part(part) => Some(part),
        Asked::Missing => {
            let problem = Problem::of(code::RANGE_NOT_SATISFIABLE);
            return Err(problem.with_header(CONTENT_RANGE, value(format_args!("bytes */{}", file.size))?));
        }
    };
    let length = part.as_ref().map_or(file.size, |part| part.end - part.start);
    if let Some(part) = &part {
        response.set_status(StatusCode::PARTIAL_CONTENT);
        let place = value(format_args!("bytes {}-{}/{}", part.start, part.end - 1, file.size))?;
        response.headers_mut().insert(CONTENT_RANGE, place);
    }
    let read = async {
        let mut reader = files.read_file.open(&shown, part).await?;
        let first = reader.read().await.map_err(GetError::from)?;
        Ok((first, reader))
    };
    let (first, reader) = match read.await {
        Ok(read) => read,
        Err(error) => {
            note_damage(files, &shown, &error).await;
            return Err(error.into());
        }
    };
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response.set_body(Body::from_bytes_stream(pieces(Arc::clone(app), shown, first, reader)));
    Ok(ContentAnswer(response))
}

/// The content from its first piece on. An error cuts the answer off before its last byte, so that the client does not
/// take it for complete.
fn pieces(
    app: Arc<App>,
    shown: ShownContent,
    first: Option<Vec<u8>>,
    reader: Box<dyn BlobReader>,
) -> impl stream::Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
    stream::try_unfold((first, reader, (app, shown)), |(first, mut reader, source)| async move {
        let piece = match first {
            Some(piece) => Some(piece),
            None => match reader.read().await.map_err(GetError::from) {
                Ok(piece) => piece,
                Err(error) => {
                    let (app, shown) = &source;
                    note_damage(&app.files, shown, &error).await;
                    return Err(io::Error::other(error));
                }
            },
        };
        Ok(piece.map(|piece| (piece, (None, reader, source))))
    })
}

/// Counts and logs a content that is missing or differs from its checksum. A picture in a size is forgotten, so that the next
/// request makes it again.
async fn note_damage(files: &Files, shown: &ShownContent, error: &GetError) {
    let GetError::Store(StoreError::Corrupt(cause)) = error else { return };
    metrics::counter!("skep_file_contents_damaged_total").increment(1);
    let id = shown.content_id;
    tracing::error!(file_id = %id, %cause, "the content of a file is damaged, and was not sent to its end");
    // If this fails, it is tried with the next request.
    let _ = files.get_image.forget(shown).await;
}
