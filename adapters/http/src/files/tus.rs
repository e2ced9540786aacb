//! The headers of tus 1.0, the protocol of uploads in pieces (<https://tus.io/protocols/resumable-upload>). Where it fixes
//! a status, a media type or a header, it is followed.

use crate::{
    parts::{Parameter, Protocol, invalid},
    problem::{Problem, code},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use poem::Request;
use poem_openapi::registry::{MetaParamIn, MetaSchema};
use skep_application::Policies;
use skep_domain::{
    files::{FileName, FilePurpose, FileVisibility, UPLOAD_METADATA_MAX, UploadMetadata},
    shared::Timestamp,
};
use std::time::{Duration, UNIX_EPOCH};

/// The path of the uploads in pieces.
pub(super) const UPLOADS: &str = "/api/v1/uploads";
/// The media type of a piece.
pub(super) const PIECE: &str = "application/offset+octet-stream";
/// The version of the protocol.
const VERSION: &str = "1.0.0";

const TUS_RESUMABLE: &str = "tus-resumable";
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const UPLOAD_LENGTH: &str = "Upload-Length";
const UPLOAD_METADATA: &str = "Upload-Metadata";
const UPLOAD_OFFSET: &str = "Upload-Offset";

pub(super) const PROTOCOL: Protocol = Protocol { path: UPLOADS, marks, options };

/// What every answer says.
fn marks() -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(TUS_RESUMABLE), HeaderValue::from_static(VERSION))])
}

/// What an answer to OPTIONS announces.
fn options(policies: &Policies) -> HeaderMap {
    let most = FilePurpose::SENT.iter().map(|purpose| policies.files.most_bytes(*purpose)).max().unwrap_or_default();
    HeaderMap::from_iter([
        (TUS_VERSION, HeaderValue::from_static(VERSION)),
        (
            HeaderName::from_static("tus-extension"),
            HeaderValue::from_static("creation,termination,checksum,expiration"),
        ),
        (HeaderName::from_static("tus-max-size"), HeaderValue::from(most)),
        (HeaderName::from_static("tus-checksum-algorithm"), HeaderValue::from_static("sha1,sha256")),
    ])
}

/// A value in Base64, as a pattern of the document.
pub(super) const BASE64: &str = "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?";

/// The value of `Upload-Expires`.
pub(super) fn http_date(time: Timestamp) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or_default();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(millis))
}

/// The value of a header that must not be repeated. `None` if it is absent.
pub(super) fn header<'r>(request: &'r Request, name: &str) -> Result<Option<&'r str>, Problem> {
    let mut values = request.headers().get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(invalid(name, "must not be repeated"));
    }
    let text = first.map(|value| value.to_str().map_err(|_| invalid(name, "must have ASCII characters only")));
    text.transpose()
}

/// A number of bytes. One that is too large for the server is the greatest number.
fn number(request: &Request, name: &str) -> Result<u64, Problem> {
    let text = header(request, name)?.unwrap_or_default();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(name, "must be a number of bytes"));
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}

pub(super) fn schema(
    name: &str,
    description: &'static str,
    example: serde_json::Value,
    kind: &'static str,
) -> MetaSchema {
    MetaSchema {
        title: Some(name.to_owned()),
        description: Some(description),
        example: Some(example),
        ..MetaSchema::new(kind)
    }
}

/// The version of the protocol that the client speaks.
pub(super) struct TusVersion;

impl Parameter for TusVersion {
    const PLACE: MetaParamIn = MetaParamIn::Header;
    const IS_REQUIRED: bool = true;

    fn schema() -> MetaSchema {
        let description = "The version of tus that the client speaks, which is 1.0.0. Any other one, and none, is answered \
                           412.";
        MetaSchema {
            enum_items: vec![VERSION.into()],
            ..schema("Tus-Resumable", description, VERSION.into(), "string")
        }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        if header(request, TUS_RESUMABLE).ok().flatten() == Some(VERSION) {
            return Ok(Self);
        }
        Err(Problem::of(code::TUS_VERSION_UNSUPPORTED).with_header(TUS_VERSION, HeaderValue::from_static(VERSION)))
    }
}

/// The number of bytes of a whole upload.
pub(super) struct UploadLength(pub(super) u64);

impl Parameter for UploadLength {
    const PLACE: MetaParamIn = MetaParamIn::Header;
    const IS_REQUIRED: bool = true;

    fn schema() -> MetaSchema {
        let description = "The number of bytes of the whole upload. It must be known from the beginning.";
        let most = FilePurpose::SENT
            .iter()
            .map(|purpose| purpose.most_bytes())
            .max()
            .and_then(|most| u32::try_from(most).ok());
        MetaSchema {
            minimum: Some(0.0),
            maximum: most.map(f64::from),
            ..schema(UPLOAD_LENGTH, description, 5.into(), "integer")
        }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        number(request, UPLOAD_LENGTH).map(Self)
    }
}

/// The place of a piece.
pub(super) struct UploadOffset(pub(super) u64);

impl Parameter for UploadOffset {
    const PLACE: MetaParamIn = MetaParamIn::Header;
    const IS_REQUIRED: bool = true;

    fn schema() -> MetaSchema {
        let description = "The number of bytes before the piece: those that are stored already. Any other number is \
                           answered 409.";
        MetaSchema { minimum: Some(0.0), ..schema(UPLOAD_OFFSET, description, 0.into(), "integer") }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        number(request, UPLOAD_OFFSET).map(Self)
    }
}

/// What a client says about the file of an upload.
pub(super) struct Described {
    pub(super) metadata: UploadMetadata,
    pub(super) name: FileName,
    pub(super) purpose: FilePurpose,
    pub(super) visibility: FileVisibility,
}

impl Parameter for Described {
    const PLACE: MetaParamIn = MetaParamIn::Header;

    fn schema() -> MetaSchema {
        let description = "Pairs of a key and a value in Base64, with commas between them. `filename` (or `name`), \
                           `purpose` and `visibility` mean the same as for an upload at once. Others are kept and shown, \
                           and mean nothing: the media type is judged by the content.";
        let pair = format!("[!-+.-~-]+( {BASE64})?");
        MetaSchema {
            max_length: Some(UPLOAD_METADATA_MAX),
            pattern: Some(format!("^({pair}(, ?{pair})*)?$")),
            ..schema(UPLOAD_METADATA, description, "filename cmVwb3J0LnR4dA==".into(), "string")
        }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        let wrong = |detail: String| invalid(UPLOAD_METADATA, detail);
        let text = header(request, UPLOAD_METADATA)?.unwrap_or_default();
        let metadata = UploadMetadata::parse(text).map_err(|error| wrong(error.to_string()))?;
        let pairs = pairs(text).ok_or_else(|| wrong("must have pairs of a key and a value in Base64".to_owned()))?;
        let value = |key: &str| {
            let found = pairs.iter().find(|(known, _)| *known == key);
            let text =
                found.map(|(_, value)| std::str::from_utf8(value).map_err(|_| wrong(format!("{key} is no text"))));
            text.transpose()
        };
        let one_of = |key: &str| wrong(format!("{key} must be one of the names in the document"));
        let name = value("filename")?.or(value("name")?).unwrap_or(super::parameters::UNNAMED);
        Ok(Self {
            name: FileName::parse(name).map_err(|error| wrong(format!("filename {error}")))?,
            purpose: match value("purpose")? {
                None => FilePurpose::Attachment,
                Some(name) => FilePurpose::sent(name).ok_or_else(|| one_of("purpose"))?,
            },
            visibility: match value("visibility")? {
                None => FileVisibility::Private,
                Some(name) => FileVisibility::from_name(name).ok_or_else(|| one_of("visibility"))?,
            },
            metadata,
        })
    }
}

/// The keys and their decoded values. `None` if a key is empty or repeated, or a value cannot be read.
fn pairs(text: &str) -> Option<Vec<(&str, Vec<u8>)>> {
    let mut pairs: Vec<(&str, Vec<u8>)> = vec![];
    for pair in text.split(',').filter(|_| !text.trim().is_empty()) {
        let (key, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
        if key.is_empty() || pairs.iter().any(|(known, _)| *known == key) {
            return None;
        }
        pairs.push((key, STANDARD.decode(value.trim()).ok()?));
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        headers.iter().fold(Request::builder(), |builder, (name, value)| builder.header(*name, *value)).finish()
    }

    fn status<T>(read: Result<T, Problem>) -> u16 {
        read.err().map_or(200, |problem| problem.status().as_u16())
    }

    #[test]
    fn only_this_version_is_spoken() {
        assert_eq!(status(TusVersion::read(&request(&[("Tus-Resumable", "1.0.0")]))), 200);
        for wrong in [&[][..], &[("Tus-Resumable", "0.2.2")], &[("Tus-Resumable", "1.0.0"), ("Tus-Resumable", "1.0.0")]]
        {
            assert_eq!(status(TusVersion::read(&request(wrong))), 412);
        }
    }

    #[test]
    fn a_number_of_bytes_has_digits_only() {
        let read = |text| UploadOffset::read(&request(&[("Upload-Offset", text)])).map(|offset| offset.0);
        assert_eq!((read("0").ok(), read("007").ok()), (Some(0), Some(7)));
        assert_eq!(read("99999999999999999999").ok(), Some(u64::MAX), "no upload is as long");
        for wrong in ["", "-1", "+1", "1.0", "0x1", "1 "] {
            assert_eq!(status(read(wrong)), 400, "{wrong}");
        }
        assert_eq!(status(UploadLength::read(&request(&[]))), 400);
        assert_eq!(status(UploadLength::read(&request(&[("Upload-Length", "1"), ("Upload-Length", "1")]))), 400);
    }

    #[test]
    fn metadata_says_what_the_parameters_of_an_upload_at_once_say() {
        let read = |text: &str| Described::read(&request(&[("Upload-Metadata", text)]));
        let encoded = |text: &str| STANDARD.encode(text);
        let all = format!(
            "filename {},filetype aW1hZ2UvcG5n,purpose {}, visibility {},empty",
            encoded("naïve.png"),
            encoded("image"),
            encoded("public")
        );
        let described = read(&all).ok().unwrap();
        assert_eq!((described.name.as_str(), described.metadata.as_str()), ("naïve.png", all.as_str()));
        assert_eq!((described.purpose, described.visibility), (FilePurpose::Image, FileVisibility::Public));
        let described = Described::read(&request(&[])).ok().unwrap();
        assert_eq!((described.name.as_str(), described.purpose), ("file", FilePurpose::Attachment));
        assert_eq!(described.visibility, FileVisibility::Private);
        assert_eq!(read(&format!("name {}", encoded("a.txt"))).ok().unwrap().name.as_str(), "a.txt");
        for wrong in [
            format!("filename {}", encoded("../a")),
            format!("filename {}", encoded("a\0b")),
            format!("filename {}", encoded("a\u{202E}b")),
            format!("filename {}", STANDARD.encode([0xFF])),
            format!("purpose {}", encoded("virus")),
            format!("visibility {}", encoded("all")),
            "filename ???".to_owned(),
            "filename".to_owned(),
            "a YQ==,a YQ==".to_owned(),
            ",".to_owned(),
            "a YQ==,,b YQ==".to_owned(),
            "a YQ==\tb".to_owned(),
            format!("a {}", "A".repeat(UPLOAD_METADATA_MAX)),
        ] {
            assert_eq!(status(read(&wrong)), 400, "{wrong}");
        }
    }

    #[test]
    fn the_time_of_expiry_is_a_date_of_http() {
        let time = Timestamp::from_millis(1_767_225_600_999).unwrap();
        assert_eq!(http_date(time), "Thu, 01 Jan 2026 00:00:00 GMT");
    }
}
