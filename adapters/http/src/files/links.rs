//! Links to the contents of files and links that store files, in bodies and in queries.

use super::parameters::{UNNAMED, in_query};
use crate::{
    parts::{FILES, Id, Parameter, SIDE, SIZE, content_path, invalid},
    problem::{FieldError, Problem},
};
use poem::Request;
use poem_openapi::{
    Object,
    registry::{MetaParamIn, MetaSchema},
};
use serde::{Deserialize, Serialize};
use skep_application::files::{FileLink, SignFileLinkCommand, SignUploadLinkCommand, SignedFileLink, SignedUploadLink};
use skep_domain::files::{FileDisposition, FileId, FileName, FilePurpose, FileVisibility, ImageSizes, UploadLinkId};

const SIGNER: &str = "signer";
const EXPIRES: &str = "expires";
const DISPOSITION: &str = "disposition";
const SIGNATURE: &str = "signature";
const UPLOAD_LINK: &str = "link";

/// The link that a caller asks for.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignFileLinkRequest {
    /// The number of seconds after which the link expires. If it is absent, the server chooses.
    #[serde(default)]
    expires_in: Option<i64>,
    /// `inline` if a browser may show the content, `attachment` if it must save it. Contents that are not safe to show
    /// are always saved.
    #[oai(default = "inline")]
    #[serde(default = "inline")]
    disposition: String,
}

fn inline() -> String {
    FileDisposition::Inline.name().to_owned()
}

impl SignFileLinkRequest {
    /// The command for this file.
    ///
    /// # Errors
    /// 422 if there is no such disposition.
    pub(super) fn of(self, file_id: FileId) -> Result<SignFileLinkCommand, Problem> {
        let unknown =
            || FieldError::at("/disposition".to_owned(), "invalid_value", "must be inline or attachment".to_owned());
        let disposition = FileDisposition::from_name(&self.disposition);
        let disposition = disposition.ok_or_else(|| Problem::validation(vec![unknown()]))?;
        Ok(SignFileLinkCommand { file_id, expires_in: self.expires_in, disposition })
    }
}

/// A link to the content of a file.
#[derive(Object, Serialize)]
#[oai(rename = "FileLink")]
pub(super) struct FileLinkBody {
    /// The URL of the content, which needs no token. It is a secret as long as it is valid. It is a path if the server does
    /// not know its public address.
    url: String,
    /// The time at which it expires.
    expires_at: String,
}

impl FileLinkBody {
    /// The URL below this address.
    pub(super) fn of(public_url: Option<&str>, file_id: FileId, signed: &SignedFileLink) -> Self {
        let FileLink { signer, expires, disposition, signature } = &signed.link;
        let path = content_path(file_id);
        let query =
            format!("{SIGNER}={signer}&{EXPIRES}={expires}&{DISPOSITION}={disposition}&{SIGNATURE}={signature}");
        let expires_at = signed.expires_at.to_string();
        Self { url: format!("{}{path}?{query}", public_url.unwrap_or_default()), expires_at }
    }
}

/// The link that a caller asks for, which stores a file.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignUploadLinkRequest {
    /// The name under which the file is downloaded, without a folder.
    #[oai(default = "unnamed")]
    #[serde(default = "unnamed")]
    name: String,
    /// What the file is for.
    #[oai(default = "attachment")]
    #[serde(default = "attachment")]
    purpose: String,
    /// The audience: `private` for the owner and admins, or `public` for every caller that knows the id.
    #[oai(default = "private")]
    #[serde(default = "private")]
    visibility: String,
    /// The greatest size of the file in bytes. If it is absent, the file may be as large as its purpose allows.
    #[serde(default)]
    max_bytes: Option<i64>,
    /// The media type that the content must have, judged by the content. If it is absent, it may have any that its purpose
    /// allows.
    #[serde(default)]
    media_type: Option<String>,
    /// The number of seconds after which the link expires. If it is absent, the server chooses.
    #[serde(default)]
    expires_in: Option<i64>,
}

fn unnamed() -> String {
    UNNAMED.to_owned()
}

fn attachment() -> String {
    FilePurpose::Attachment.name().to_owned()
}

fn private() -> String {
    FileVisibility::Private.name().to_owned()
}

impl SignUploadLinkRequest {
    /// The command.
    ///
    /// # Errors
    /// 422 with each field that cannot be read.
    pub(super) fn read(self) -> Result<SignUploadLinkCommand, Problem> {
        let wrong = |field: &str, detail: String| FieldError::at(format!("/{field}"), "invalid_value", detail);
        let one_of = |names: Vec<&str>| format!("must be one of {}", names.join(", "));
        let name = FileName::parse(&self.name).map_err(|error| wrong("name", error.to_string()));
        let sent = || FilePurpose::SENT.iter().map(|purpose| purpose.name()).collect();
        let purpose = FilePurpose::sent(&self.purpose).ok_or_else(|| wrong("purpose", one_of(sent())));
        let visibility = FileVisibility::from_name(&self.visibility)
            .ok_or_else(|| wrong("visibility", one_of(FileVisibility::NAMES.to_vec())));
        let Self { max_bytes: most_bytes, media_type, expires_in, .. } = self;
        match (name, purpose, visibility) {
            (Ok(name), Ok(purpose), Ok(visibility)) => {
                Ok(SignUploadLinkCommand { name, purpose, visibility, most_bytes, media_type, expires_in })
            }
            (name, purpose, visibility) => {
                let faults = [name.err(), purpose.err(), visibility.err()];
                Err(Problem::validation(faults.into_iter().flatten().collect()))
            }
        }
    }
}

/// A link that stores a file.
#[derive(Object, Serialize)]
#[oai(rename = "UploadLink")]
pub(super) struct UploadLinkBody {
    /// The id of the link. The file that it stores shows it as `upload_link_id`.
    id: Id<UploadLinkId>,
    /// The URL to which one POST sends the content, without a token. It is a secret as long as it is valid. It is a path if
    /// the server does not know its public address.
    url: String,
    /// The time at which it expires.
    expires_at: String,
}

impl UploadLinkBody {
    /// The URL below this address.
    pub(super) fn of(public_url: Option<&str>, signed: &SignedUploadLink) -> Self {
        let url = format!("{}{FILES}/linked?{UPLOAD_LINK}={}", public_url.unwrap_or_default(), signed.link);
        Self { id: Id(signed.id), url, expires_at: signed.expires_at.to_string() }
    }
}

/// A part of a link in the query.
macro_rules! part {
    ($(#[$doc:meta])* $type:ident = $name:ident, $description:literal, $example:literal) => {
        $(#[$doc])*
        pub(super) struct $type(pub(super) Option<String>);

        impl Parameter for $type {
            const PLACE: MetaParamIn = MetaParamIn::Query;

            fn schema() -> MetaSchema {
                MetaSchema {
                    title: Some($name.to_owned()),
                    description: Some($description),
                    example: Some($example.into()),
                    ..MetaSchema::new("string")
                }
            }

            fn read(request: &Request) -> Result<Self, Problem> {
                Ok(Self(in_query(request, $name)))
            }
        }
    };
}

part! {
    /// The account that made a link.
    LinkSigner = SIGNER, "A part of a link: the id of the account that made it.", "019a9d3c-5a00-7000-8000-000000000001"
}

part! {
    /// The time at which a link expires.
    LinkExpires = EXPIRES, "A part of a link: the time at which it expires, in seconds since 1970.", "1767225600"
}

part! {
    /// What a browser does with the content of a link.
    LinkDisposition = DISPOSITION, "A part of a link: `inline` or `attachment`.", "inline"
}

part! {
    /// The proof that this deployment made a link.
    LinkSignature = SIGNATURE,
    "A part of a link: its signature. A request with any part of a link is answered by the link alone, for every caller.",
    "5c4c1b3f2c0f1a7e7c0e0a8d6b5f4e3d2c1b0a99887766554433221100ffeedd"
}

part! {
    /// The size in which a picture is shown.
    ContentSize = SIZE, "The name of a size in which a picture is shown, such as `small`. Without it, the content is returned as it was sent.", "small"
}

part! {
    /// The length of the size in which a picture is shown.
    ContentSide = SIDE, "The length of the size in pixels, as it is in the URLs of `sizes`. If the size has this length, caches keep the picture for as long as the content, and otherwise for a day.", "480"
}

/// Whether a URL with these parameters returns the same content for ever. It has no size, or also the length of the size,
/// which the name alone does not fix.
///
/// # Errors
/// 400 if the length is not a number, or is there without a size.
pub(super) fn is_fixed(
    sizes: &ImageSizes,
    ContentSize(size): &ContentSize,
    ContentSide(side): ContentSide,
) -> Result<bool, Problem> {
    let side =
        side.map(|side| side.parse::<u32>().map_err(|_| invalid(SIDE, "must be a number of pixels"))).transpose()?;
    match (size, side) {
        (None, None) => Ok(true),
        (None, Some(_)) => Err(invalid(SIDE, "needs a size")),
        (Some(size), side) => Ok(side.is_some() && sizes.find(size).map(|size| size.side) == side),
    }
}

part! {
    /// A link that stores a file.
    UploadLink = UPLOAD_LINK,
    "The link, with what it allows and its signature, as `POST /api/v1/files/upload-links` returns it.",
    "7b7d.5c4c1b3f2c0f1a7e7c0e0a8d6b5f4e3d2c1b0a99887766554433221100ffeedd"
}

/// The link of a request. `None` if it has no part of one.
pub(super) fn link(
    LinkSigner(signer): LinkSigner,
    LinkExpires(expires): LinkExpires,
    LinkDisposition(disposition): LinkDisposition,
    LinkSignature(signature): LinkSignature,
) -> Option<FileLink> {
    let parts = [signer, expires, disposition, signature];
    let is_link = parts.iter().any(Option::is_some);
    let [signer, expires, disposition, signature] = parts.map(Option::unwrap_or_default);
    is_link.then_some(FileLink { signer, expires, disposition, signature })
}
