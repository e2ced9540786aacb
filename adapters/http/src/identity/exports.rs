//! The export of the data of the caller's account.

use super::api::Tag;
use crate::{
    parts::{Answer, Id, SelfLink, SignedIn, path_of},
    problem::Problem,
};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path};
use serde::Serialize;
use skep_application::identity::ExportView;
use skep_domain::{files::FileId, jobs::JobId};

/// The path of the exports of the caller.
const EXPORTS: &str = "/api/v1/users/me/export";

#[derive(Default)]
pub(super) struct ExportApi;

/// An export of the data of an account.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Export")]
struct ExportBody {
    /// The id of the export.
    id: Id<JobId>,
    /// `pending` until the archive can be downloaded, then `ready`. `gone` after it has expired or was deleted. `failed` if
    /// it could not be made.
    state: String,
    /// The time of the request.
    created_at: String,
    /// The file with the archive (`GET /api/v1/files/{id}/content`); absent unless the state is `ready`.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<Id<FileId>>,
    /// The time from which on the archive is deleted; absent unless the state is `ready`.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// The path of the export.
    links: SelfLink,
}

impl From<ExportView> for ExportBody {
    fn from(export: ExportView) -> Self {
        Self {
            id: Id(export.id),
            state: export.state.name().to_owned(),
            created_at: export.created_at.to_string(),
            file_id: export.archive.map(|archive| Id(archive.file_id)),
            expires_at: export.archive.map(|archive| archive.expires_at.to_string()),
            links: SelfLink::to(path_of(EXPORTS, export.id, "")),
        }
    }
}

#[derive(ApiResponse)]
enum ExportBegun {
    /// The export, which is pending, or ready if the account has one.
    #[oai(status = 202)]
    Begun(
        Answer<ExportBody>,
        /// The path of the export.
        #[oai(header = "Location")]
        String,
    ),
}

#[derive(ApiResponse)]
enum ExportShown {
    /// The export.
    #[oai(status = 200)]
    Ok(Answer<ExportBody>),
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Identity")]
impl ExportApi {
    /// Export the data of your account
    ///
    /// Begins an archive with what the server has about the account: one JSON object with the account, its sessions, orders,
    /// files (without their contents) and uploads. It has no passwords, tokens or hashes. Follow the path in `Location` until
    /// the state is `ready`, and then download the file. Only the account itself can read its content. The user gets a mail,
    /// too. The archive is deleted after 7 days by default, and does not count in the quota of files. An account has one
    /// export at a time: while it is pending or ready, the answer has that one. If its user deletes the file, another one
    /// can begin 24 hours after the request for the deleted one; until then, the answer is 429. Needs an account.
    #[oai(path = "/users/me/export", method = "post", operation_id = "request_export")]
    async fn request(&self, caller: SignedIn) -> Result<ExportBegun, Problem> {
        let export = caller.app().identity.request_export.execute(&caller.actor).await?;
        let path = path_of(EXPORTS, export.id, "");
        Ok(ExportBegun::Begun(Answer(export.into()), path))
    }

    /// Get an export
    ///
    /// Returns the state of an export of the caller's account. Exports that have ended are kept for a day by default, and
    /// failed ones for 30 days; then the answer is 404. Needs an account.
    #[oai(path = "/users/me/export/:id", method = "get", operation_id = "get_export")]
    async fn get(&self, caller: SignedIn, Path(id): Path<Id<JobId>>) -> Result<ExportShown, Problem> {
        let export = caller.app().identity.get_export.execute(&caller.actor, id.0).await?;
        Ok(ExportShown::Ok(Answer(export.into())))
    }
}
