//! The bodies of files.

use super::tus::UPLOADS;
pub(super) use crate::parts::FILES;
use crate::parts::{Id, PublicContents, content_path, path_of};
use poem_openapi::Object;
use serde::Serialize;
use skep_application::files::{FileView, UploadView};
use skep_domain::{
    files::{FileId, UploadLinkId},
    shared::UserId,
};

/// The paths of a file and of its content.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub(super) struct FileLinks {
    /// The path of this file.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    this: String,
    /// The path of its content.
    content: String,
}

/// A file, without its content.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "File")]
pub(super) struct FileBody {
    /// The id of the file.
    id: Id<FileId>,
    /// The id of the user that stored it.
    owner_id: Id<UserId>,
    /// What the file is for.
    purpose: String,
    /// `private` for the owner and admins only, or `public` for every caller that knows the id.
    visibility: String,
    /// `ready`, or for the owner and admins `quarantined` while the file waits for the scanner, and `infected` after the
    /// scanner has found something harmful. Only the content of a ready file can be read.
    state: String,
    /// The name under which it is downloaded.
    name: String,
    /// The size of the content in bytes.
    size: u64,
    /// The media type, judged by the content.
    media_type: String,
    /// The SHA-256 of the content: 64 hexadecimal digits.
    sha256: String,
    /// The link by which it was sent. It is absent for any other file.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_link_id: Option<Id<UploadLinkId>>,
    /// The time at which the upload began.
    created_at: String,
    /// The URL of the content for every visitor, which caches may keep. Only a public file that is ready has it. It is a
    /// path if the server does not know its public address.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The paths of the file and of its content.
    links: FileLinks,
}

impl FileBody {
    pub(super) fn of(file: FileView, contents: &PublicContents) -> Self {
        let url = file.is_open().then(|| contents.url(file.id));
        Self {
            id: Id(file.id),
            owner_id: Id(file.owner_id),
            purpose: file.purpose.name().to_owned(),
            visibility: file.visibility.name().to_owned(),
            state: file.state.name().to_owned(),
            name: file.name.into_string(),
            size: file.size,
            media_type: file.media_type.into_string(),
            sha256: file.checksum.to_string(),
            upload_link_id: file.upload_link.map(Id),
            created_at: file.created_at.to_string(),
            url,
            links: FileLinks { this: path_of(FILES, file.id, ""), content: content_path(file.id) },
        }
    }
}

/// The paths of an upload and of its file.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub(super) struct UploadLinks {
    /// The path of this upload.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    this: String,
    /// The path of the file, which exists when the upload is complete.
    file: String,
}

impl UploadLinks {
    fn of(id: FileId) -> Self {
        Self { this: path_of(UPLOADS, id, ""), file: path_of(FILES, id, "") }
    }
}

/// An upload in pieces.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Upload")]
pub(super) struct UploadBody {
    /// The id of the upload, and of its file.
    id: Id<FileId>,
    /// The number of bytes that are stored.
    offset: u64,
    /// The number of bytes of the whole upload.
    length: u64,
    /// The metadata as it was sent.
    metadata: String,
    /// The time at which the upload is given up. It is absent if the upload is complete.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// The paths of the upload and of its file.
    links: UploadLinks,
}

/// An upload in pieces that is not complete, as lists show it.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OpenUpload")]
pub(super) struct OpenUploadBody {
    /// The id of the upload, and of its file.
    id: Id<FileId>,
    /// The name under which its file is downloaded.
    name: String,
    /// The number of bytes of the whole upload.
    size: u64,
    /// The number of bytes that are stored.
    offset: u64,
    /// The time at which the upload began.
    created_at: String,
    /// The time at which the upload is given up.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// The paths of the upload and of its file.
    links: UploadLinks,
}

impl From<UploadView> for OpenUploadBody {
    fn from(upload: UploadView) -> Self {
        Self {
            id: Id(upload.id),
            name: upload.name.into_string(),
            size: upload.length,
            offset: upload.offset,
            created_at: upload.created_at.to_string(),
            expires_at: upload.expires_at.map(|time| time.to_string()),
            links: UploadLinks::of(upload.id),
        }
    }
}

impl From<UploadView> for UploadBody {
    fn from(upload: UploadView) -> Self {
        Self {
            id: Id(upload.id),
            offset: upload.offset,
            length: upload.length,
            metadata: upload.metadata.into_string(),
            expires_at: upload.expires_at.map(|time| time.to_string()),
            links: UploadLinks::of(upload.id),
        }
    }
}
