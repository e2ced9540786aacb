//! The parameters of an upload.

use super::file_name;
use crate::{
    parts::{Parameter, invalid},
    problem::Problem,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::CONTENT_DISPOSITION};
use poem::Request;
use poem_openapi::registry::{MetaParamIn, MetaSchema};
use skep_domain::files::{Checksum, FILE_NAME_MAX, FileName, FilePurpose, FileVisibility};

/// The name of a file that is sent without one.
pub(super) const UNNAMED: &str = "file";
/// The header with the digests of a content (RFC 9530).
const REPR_DIGEST: &str = "Repr-Digest";

pub(super) fn in_query(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// One of these names in the query, the first one by default.
fn named(title: &str, description: &'static str, names: &[&'static str]) -> MetaSchema {
    MetaSchema {
        title: Some(title.to_owned()),
        description: Some(description),
        example: Some(names[0].into()),
        default: Some(names[0].into()),
        enum_items: names.iter().map(|name| (*name).into()).collect(),
        ..MetaSchema::new("string")
    }
}

/// The value with this name, or the first one if no name was sent.
pub(super) fn one_of<T>(
    sent: Option<String>,
    name: &str,
    from_name: fn(&str) -> Option<T>,
    first: T,
) -> Result<T, Problem> {
    match sent {
        None => Ok(first),
        Some(text) => from_name(&text).ok_or_else(|| invalid(name, "must be one of the names in the document")),
    }
}

impl Parameter for FilePurpose {
    const PLACE: MetaParamIn = MetaParamIn::Query;

    fn schema() -> MetaSchema {
        let names: Vec<_> = Self::SENT.iter().map(|purpose| purpose.name()).collect();
        named("purpose", "What the file is for. It decides what it may contain and how large it may be.", &names)
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        one_of(in_query(request, "purpose"), "purpose", Self::sent, Self::Attachment)
    }
}

impl Parameter for FileVisibility {
    const PLACE: MetaParamIn = MetaParamIn::Query;

    fn schema() -> MetaSchema {
        named("visibility", "The audience: the owner and admins, or every caller that knows the id.", Self::NAMES)
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        one_of(in_query(request, "visibility"), "visibility", Self::from_name, Self::Private)
    }
}

impl Parameter for FileName {
    const PLACE: MetaParamIn = MetaParamIn::Query;

    fn schema() -> MetaSchema {
        MetaSchema {
            title: Some("name".to_owned()),
            description: Some(
                "The name under which the file is downloaded, without a folder. If it is absent, the `filename` of \
                 `Content-Disposition` is taken.",
            ),
            example: Some("report.txt".into()),
            min_length: Some(1),
            max_length: Some(FILE_NAME_MAX),
            ..MetaSchema::new("string")
        }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        let (place, name) = match in_query(request, "name") {
            Some(name) => ("name", name),
            None => ("Content-Disposition", of_disposition(request.headers())?.unwrap_or_else(|| UNNAMED.to_owned())),
        };
        Self::parse(&name).map_err(|error| invalid(place, error.to_string()))
    }
}

fn of_disposition(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(header) = headers.get(CONTENT_DISPOSITION) else { return Ok(None) };
    let unreadable = || invalid("Content-Disposition", "must have a filename, as in RFC 6266");
    file_name::read(header).map(Some).ok_or_else(unreadable)
}

/// The SHA-256 that a content must have, if the request names one.
pub(super) struct ReprDigest(pub(super) Option<Checksum>);

impl Parameter for ReprDigest {
    const PLACE: MetaParamIn = MetaParamIn::Header;

    fn schema() -> MetaSchema {
        MetaSchema {
            title: Some(REPR_DIGEST.to_owned()),
            description: Some(
                "The digests of the content (RFC 9530). If `sha-256` is among them, the content must have it; otherwise \
                 the answer is 422 `content_mismatch`.",
            ),
            example: Some("sha-256=:pV4uOEalH2rQq/373qK6Dl4MdrXM+oqSCJX+3q6JqLY=:".into()),
            ..MetaSchema::new("string")
        }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        Self::of(request.headers())
    }
}

impl ReprDigest {
    /// Reads the header of a request, or of a part of a form.
    ///
    /// # Errors
    /// 400 if it cannot be read.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let lines = headers.get_all(REPR_DIGEST).iter();
        let lines: Result<Vec<&str>, _> = lines.map(http::HeaderValue::to_str).collect();
        let unreadable = || invalid(REPR_DIGEST, "must be like sha-256=:BASE64:, with 32 bytes");
        let text = lines.map_err(|_| unreadable())?.join(",");
        let mut members =
            text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty());
        let Some(value) = members.find_map(|member| member.strip_prefix("sha-256=")) else { return Ok(Self(None)) };
        let encoded = value.strip_prefix(':').and_then(|value| value.strip_suffix(':')).ok_or_else(unreadable)?;
        let digest = STANDARD.decode(encoded).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        Ok(Self(Some(Checksum::new(digest.ok_or_else(unreadable)?))))
    }
}

/// The value of `Repr-Digest` for a content.
pub(super) fn repr_digest(checksum: &Checksum) -> String {
    format!("sha-256=:{}:", STANDARD.encode(checksum.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request {
        let builder = Request::builder().uri(uri.parse().unwrap());
        headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).finish()
    }

    #[test]
    fn a_digest_must_be_readable_if_it_is_a_sha_256() {
        let read = |header: &str| ReprDigest::read(&request("/", &[(REPR_DIGEST, header)])).map(|digest| digest.0);
        let checksum = Checksum::new([7; 32]);
        let header = repr_digest(&checksum);
        assert_eq!(read(&header).unwrap(), Some(checksum));
        assert_eq!(read(&format!("sha-512=:AA==:, {header}")).unwrap(), Some(checksum));
        assert_eq!((read("md5=:AA==:").unwrap(), read("").unwrap()), (None, None));
        for wrong in ["sha-256=:AA==:", "sha-256=AA==", "sha-256=:é:", "sha-256=:", "sha-256=::"] {
            let header = http::HeaderValue::from_bytes(wrong.as_bytes()).unwrap();
            let mut request = request("/", &[]);
            request.headers_mut().insert(http::HeaderName::from_static("repr-digest"), header);
            assert_eq!(ReprDigest::read(&request).err().map(|problem| problem.status().as_u16()), Some(400), "{wrong}");
        }
    }

    #[test]
    fn the_name_of_the_query_wins_over_that_of_the_header() {
        let name = |uri: &str, header: Option<&str>| {
            let headers: Vec<_> = header.map(|value| ("content-disposition", value)).into_iter().collect();
            FileName::read(&request(uri, &headers))
                .map(FileName::into_string)
                .map_err(|problem| problem.status().as_u16())
        };
        let header = Some("attachment; filename=b.txt");
        assert_eq!(name("/?name=a%20b.txt", header), Ok("a b.txt".to_owned()));
        assert_eq!(name("/", header), Ok("b.txt".to_owned()));
        assert_eq!(name("/", None), Ok(UNNAMED.to_owned()));
        for wrong in ["/?name=", "/?name=..%2Fa", "/?name=a%00b", "/?name=a%0Ab", "/?name=a%E2%80%AEb"] {
            assert_eq!(name(wrong, header), Err(400), "{wrong}");
        }
        assert_eq!(name("/", Some("attachment; filename=../a")), Err(400), "a slash is not of a token");
        assert_eq!(name("/", Some("attachment; filename=\"../a\"")), Err(400));
        assert_eq!(name("/", Some("attachment")), Err(400));
    }
}
