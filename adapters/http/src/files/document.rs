//! Examples of the bodies of files, and the values of closed sets, for the OpenAPI document.

use crate::parts::{EXAMPLE_TIME, Schemas};
use serde_json::json;
use skep_application::Policies;
use skep_domain::files::{FILE_NAME_MAX, FileDisposition, FilePurpose, FileState, FileVisibility, MEDIA_TYPE_MAX};

/// A line with a character that is neither a space nor a dot, and without the characters that divide folders.
const NAME: &str = r"^[^\x00-\x1f\x7f-\x9f/\\]*[^\x00-\x20\x7f-\xa0/\\.][^\x00-\x1f\x7f-\x9f/\\]*$";
/// A media type without parameters.
const MEDIA_TYPE: &str = r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*$";

pub(super) fn complete(schemas: &mut Schemas<'_>, policies: &Policies) {
    schemas.values("File", "purpose", FilePurpose::NAMES.iter().copied());
    schemas.values("File", "visibility", FileVisibility::NAMES.iter().copied());
    let shown = FileState::ALL.iter().filter(|state| !matches!(state, FileState::Uploading | FileState::Deleted));
    schemas.values("File", "state", shown.map(|state| state.name()));
    schemas.limit(&["File"], "sha256", &json!({ "pattern": "^[0-9a-f]{64}$" }));
    let id = "019a9d3c-5a00-7000-8000-000000000003";
    let links = json!({ "self": format!("/api/v1/files/{id}"), "content": format!("/api/v1/files/{id}/content") });
    let file = json!({
        "id": id, "owner_id": "019a9d3c-5a00-7000-8000-000000000004", "purpose": "attachment", "visibility": "private",
        "state": "ready", "name": "report.txt", "size": 5, "media_type": "text/plain",
        "sha256": "a55e2e3846a51f6ad0abfdfbdea2ba0e5e0c76b5ccfa8a920895fedeae89a8b6",
        "created_at": EXAMPLE_TIME, "links": links.clone(),
    });
    schemas.example("FileLinks", links);
    let request = &["SignFileLinkRequest"];
    let most = policies.files.longest_link.as_secs();
    schemas.limit(request, "expires_in", &json!({ "minimum": 1, "maximum": most, "nullable": true }));
    schemas.values("SignFileLinkRequest", "disposition", FileDisposition::NAMES.iter().copied());
    schemas.example("SignFileLinkRequest", json!({ "expires_in": most.min(600), "disposition": "attachment" }));
    let signature = "5c4c1b3f".repeat(8);
    let query = format!("signer={id}&expires=1767226200&disposition=attachment&signature={signature}");
    let url = format!("https://shop.example/api/v1/files/{id}/content?{query}");
    schemas.example("FileLink", json!({ "url": url, "expires_at": EXAMPLE_TIME }));
    let request = "SignUploadLinkRequest";
    schemas.limit(&[request], "expires_in", &json!({ "minimum": 1, "maximum": most, "nullable": true }));
    let most_bytes = FilePurpose::SENT.iter().map(|purpose| policies.files.most_bytes(*purpose)).max();
    schemas.limit(&[request], "max_bytes", &json!({ "minimum": 1, "maximum": most_bytes, "nullable": true }));
    schemas.limit(&[request], "name", &json!({ "minLength": 1, "maxLength": FILE_NAME_MAX, "pattern": NAME }));
    schemas.limit(
        &[request],
        "media_type",
        &json!({ "maxLength": MEDIA_TYPE_MAX, "pattern": MEDIA_TYPE, "nullable": true }),
    );
    schemas.values(request, "purpose", FilePurpose::SENT.iter().map(|purpose| purpose.name()));
    schemas.values(request, "visibility", FileVisibility::NAMES.iter().copied());
    let asked =
        json!({ "name": "report.txt", "max_bytes": 1_000, "media_type": "text/plain", "expires_in": most.min(600) });
    schemas.example(request, asked);
    let url = format!("https://shop.example/api/v1/files/linked?link=7b7d.{signature}");
    schemas.example("UploadLink", json!({ "id": id, "url": url, "expires_at": EXAMPLE_TIME }));
    schemas.example("File", file);
    let links = json!({ "self": format!("/api/v1/uploads/{id}"), "file": format!("/api/v1/files/{id}") });
    let upload = json!({
        "id": id, "offset": 3, "length": 5, "metadata": "filename cmVwb3J0LnR4dA==", "expires_at": EXAMPLE_TIME,
        "links": links.clone(),
    });
    let open = json!({
        "id": id, "name": "report.txt", "size": 5, "offset": 3, "created_at": EXAMPLE_TIME, "expires_at": EXAMPLE_TIME,
        "links": links.clone(),
    });
    schemas.example("UploadLinks", links);
    schemas.example("Upload", upload);
    schemas.example("OpenUpload", open);
}
