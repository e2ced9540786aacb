//! A form whose last part is a file (RFC 7578). It is read as it arrives: its fields first, and then the content.

use super::{
    file_name,
    parameters::{ReprDigest, UNNAMED, one_of},
};
use crate::{
    body::MediaType,
    parts::invalid,
    problem::{Problem, code, from_body_io},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE},
};
use http_body_util::{BodyDataStream, combinators::BoxBody};
use multer::{Field, Multipart};
use poem::Request;
use skep_application::files::UploadFileCommand;
use skep_domain::files::{FILE_NAME_MAX, FileName, FilePurpose, FileVisibility};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::timeout;

/// The media type of a form with files.
pub(super) const FORM: &str = "multipart/form-data";
/// The name of the part with the content.
const FILE: &str = "file";
/// The names of the parts before it.
const FIELDS: [&str; 3] = ["name", "purpose", "visibility"];
/// The most bytes of the head of a part, and of what comes before the first part.
const HEAD_MAX: usize = 8 << 10;
/// The most bytes of a field: four for each character of a name.
const FIELD_MAX: usize = 4 * FILE_NAME_MAX;
/// The longest time that the fields take to arrive. The upload begins after them. An account is erased at least a minute
/// after it can no longer log in, so no form stores a file of an account that is erased, unless the grace of deletions is 0.
const FIELDS_TIME: Duration = Duration::from_secs(30);
/// The most characters of a boundary (RFC 2046, 5.1.1).
const BOUNDARY_MAX: usize = 70;
const ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");
/// The encodings that leave the bytes as they are.
const PLAIN: [&str; 3] = ["binary", "8bit", "7bit"];

fn malformed(detail: &'static str) -> Problem {
    Problem::of(code::MALFORMED_BODY).with_detail(detail)
}

/// The boundary between the parts, if the body of the request is a form. The parameters of such a request are fields and
/// headers of its parts.
///
/// # Errors
/// 400 if there is no boundary, or if a parameter is outside of the form.
pub(super) fn boundary(request: &Request, command: &UploadFileCommand) -> Result<Option<String>, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(form) = MediaType::parse(content_type).filter(|media_type| media_type.is(FORM)) else { return Ok(None) };
    let boundary = form.parameter("boundary").filter(|text| (1..=BOUNDARY_MAX).contains(&text.len()));
    let boundary = boundary.ok_or_else(|| malformed("the Content-Type of a form must have a boundary"))?;
    if let Some((name, _)) = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).next() {
        return Err(invalid(&name, "must be a field of the form"));
    }
    if command.checksum.is_some() {
        return Err(invalid("Repr-Digest", "must be a header of the part with the file"));
    }
    Ok(Some(boundary.to_owned()))
}

/// A form that arrives.
pub(super) struct Form {
    parts: Multipart<'static>,
    /// How many bytes may be buffered to complete the head of a part.
    head: Arc<AtomicUsize>,
}

impl Form {
    pub(super) fn new(body: BoxBody<Bytes, io::Error>, boundary: String) -> Self {
        let head = Arc::new(AtomicUsize::new(0));
        let pieces = Pieces { body: BodyDataStream::new(body), head: Arc::clone(&head), waits: false };
        Self { parts: Multipart::new(pieces, boundary), head }
    }

    async fn next(&mut self) -> Result<Option<Field<'static>>, Problem> {
        self.head.store(HEAD_MAX, Ordering::Relaxed);
        let part = self.parts.next_field().await.map_err(|error| problem_of(&error))?;
        self.head.store(usize::MAX, Ordering::Relaxed);
        match part {
            Some(part) if size_of_head(part.headers()) > HEAD_MAX => Err(malformed(LONG_HEAD)),
            part => Ok(part),
        }
    }

    /// Reads the fields into the command, and returns the part with the content.
    ///
    /// # Errors
    /// 400 if a field is unknown, repeated, too long or wrong, or if there is no file. 408 if they take too long.
    pub(super) async fn open(
        &mut self,
        command: UploadFileCommand,
    ) -> Result<(UploadFileCommand, Field<'static>), Problem> {
        let opened = timeout(FIELDS_TIME, self.read_fields(command)).await;
        opened.unwrap_or_else(|_| {
            let seconds = FIELDS_TIME.as_secs();
            Err(Problem::of(code::BODY_TIMEOUT)
                .with_detail(format!("what comes before the file took longer than {seconds} s")))
        })
    }

    async fn read_fields(
        &mut self,
        command: UploadFileCommand,
    ) -> Result<(UploadFileCommand, Field<'static>), Problem> {
        let mut fields: Vec<(&str, String)> = vec![];
        let (part, file_name) = loop {
            let part = self.next().await?.ok_or_else(|| malformed("the form has no part with the name \"file\""))?;
            let (name, file_name) = names_of(part.headers())?;
            if name == FILE {
                break (part, file_name);
            }
            let known = FIELDS.iter().find(|known| **known == name);
            let known = known.ok_or_else(|| invalid(&name, "is not a field of this form"))?;
            if fields.iter().any(|(name, _)| name == known) {
                return Err(invalid(known, "must not be repeated"));
            }
            fields.push((known, text_of(known, part).await?));
        };
        let mut take = |name: &str| {
            let place = fields.iter().position(|(known, _)| *known == name)?;
            Some(fields.swap_remove(place).1)
        };
        if file_name.as_deref() == Some("") {
            return Err(malformed("the form has no file: its name is empty"));
        }
        let name = take("name").or(file_name).unwrap_or_else(|| UNNAMED.to_owned());
        let command = UploadFileCommand {
            name: FileName::parse(&name).map_err(|error| invalid("name", error.to_string()))?,
            purpose: one_of(take("purpose"), "purpose", FilePurpose::sent, command.purpose)?,
            visibility: one_of(take("visibility"), "visibility", FileVisibility::from_name, command.visibility)?,
            checksum: ReprDigest::of(part.headers())?.0,
            // The form says only how long it is as a whole.
            size: None,
        };
        Ok((command, part))
    }

    /// Reads what comes after the content.
    ///
    /// # Errors
    /// 400 if that is another part, or if the form has no end.
    pub(super) async fn end(mut self) -> Result<(), Problem> {
        match self.next().await? {
            None => Ok(()),
            Some(_) => Err(malformed("the file must be the last part of the form")),
        }
    }
}

/// The content of a part, as it arrives.
pub(super) fn content(part: Field<'static>) -> impl Stream<Item = Result<Bytes, Problem>> + Send {
    part.map_err(|error| problem_of(&error))
}

/// The name of a part, and of its file if it has one.
fn names_of(head: &HeaderMap) -> Result<(String, Option<String>), Problem> {
    let unreadable = || malformed("a part must have one Content-Disposition, which is form-data with a name");
    let mut headers = head.get_all(CONTENT_DISPOSITION).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else { return Err(unreadable()) };
    let disposition = str::from_utf8(header.as_bytes()).ok().and_then(MediaType::parse).ok_or_else(unreadable)?;
    let name = disposition.parameter("name").filter(|_| disposition.is("form-data")).ok_or_else(unreadable)?;
    let is_plain =
        |value: &HeaderValue| PLAIN.iter().any(|plain| value.as_bytes().eq_ignore_ascii_case(plain.as_bytes()));
    if !head.get_all(ENCODING).iter().all(is_plain) {
        return Err(malformed("a part must not be encoded"));
    }
    let has_file = ["filename", "filename*"].iter().any(|name| disposition.parameter(name).is_some());
    let file_name = has_file.then(|| file_name::read(header).ok_or_else(unreadable)).transpose()?;
    Ok((name.to_owned(), file_name))
}

/// The text of a field.
async fn text_of(name: &str, mut part: Field<'static>) -> Result<String, Problem> {
    let mut text = vec![];
    while let Some(piece) = part.next().await {
        let piece = piece.map_err(|error| problem_of(&error))?;
        if text.len() + piece.len() > FIELD_MAX {
            return Err(invalid(name, "is too long"));
        }
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).map_err(|_| invalid(name, "must be in UTF-8"))
}

fn size_of_head(head: &HeaderMap) -> usize {
    head.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

const LONG_HEAD: &str = "the head of a part, or what comes before the first part, is too long";

/// The reason why a form cannot be read on.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the body cannot be read")]
    Body(#[source] io::Error),
    #[error("{LONG_HEAD}")]
    LongHead,
}

fn problem_of(error: &multer::Error) -> Problem {
    let fault = match error {
        multer::Error::StreamReadFailed(source) => source.downcast_ref::<Fault>(),
        _ => None,
    };
    match fault {
        Some(Fault::Body(error)) => from_body_io(error),
        Some(Fault::LongHead) => malformed(LONG_HEAD),
        None => malformed("the body is not a form as in RFC 7578, or it ends within a part"),
    }
}

/// The body, one piece at a time. The reader of forms buffers all pieces that are there, so this one lets it go on with each
/// piece before the next one.
struct Pieces {
    body: BodyDataStream<BoxBody<Bytes, io::Error>>,
    head: Arc<AtomicUsize>,
    waits: bool,
}

impl Stream for Pieces {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.waits) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(piece) = ready!(self.body.poll_next_unpin(context)) else { return Poll::Ready(None) };
        let piece = piece.map_err(Fault::Body)?;
        let left = self.head.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Some(Err(Fault::LongHead)));
        }
        if left != usize::MAX {
            // The piece may have the end of the head, so it is given as a whole.
            self.head.store(left.saturating_sub(piece.len()), Ordering::Relaxed);
        }
        self.waits = true;
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests;
