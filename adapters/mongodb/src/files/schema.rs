//! The migrations of files.

use crate::schema::{Collection, Index, MongoSchema, MongoSet, MongoStep, collection, index, partial, unique};
use bson::{DateTime, Document, doc};
use skep_application::{
    kernel::StoreError,
    operations::{FOUNDATION, MigrationStep},
};
use skep_domain::files::FileState;
use std::{future::Future, pin::Pin};

pub(crate) const SET: MongoSet = MongoSet {
    name: "files",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep {
            name: "files",
            work: MongoStep::collections(&[
                collection(
                    "files",
                    &[
                        index("files_state_idx", &["state", "created_at", "_id"]),
                        index("files_owner_id_idx", &["owner_id", "state", "created_at", "_id"]),
                    ],
                ),
                collection("file_usage", &[]),
            ]),
        },
        MigrationStep { name: "uploads_in_pieces", work: MongoStep::code(nothing, remove_uploads) },
        // The index of the files of a user has the state, and so serves the list of open uploads, too.
        MigrationStep { name: "open_uploads", work: MongoStep::NOTHING },
        // The index of the owner has all files.
        MigrationStep { name: "unready_of_owner", work: MongoStep::NOTHING },
        MigrationStep { name: "delete_at", work: MongoStep::code(nothing, remove_delete_at) },
        MigrationStep { name: "expired_files", work: MongoStep::change(nothing, EXPIRING, drop_expired_files, &[]) },
        MigrationStep {
            name: "file_images",
            work: MongoStep::collections(&[collection(
                "file_images",
                &[unique("file_images_file_id_side_key", &["file_id", "side"])],
            )]),
        },
        MigrationStep { name: "upload_links", work: MongoStep::change(nothing, LINKED, remove_links, &[]) },
    ],
};

/// The files that were sent by links. A partial index cannot test whether a field is missing, but it can test the type.
const UPLOAD_LINK: Index = Index { only: Some(linked), ..unique("files_upload_link_id_key", &["upload_link_id"]) };
const LINKED: &[Collection] = &[collection("files", &[UPLOAD_LINK])];

fn linked() -> Document {
    doc! { "upload_link_id": { "$type": "binData" } }
}

/// The files that are deleted at a time of their own, by that time.
pub(super) const DELETE_AT: Index = partial("files_delete_at_idx", &["delete_at", "_id"], deleted_later);

const EXPIRING: &[Collection] = &[collection("files", &[DELETE_AT])];

/// The condition of that index. A partial index cannot test whether a field is null, but every time is greater than the
/// first one.
pub(super) fn deleted_later() -> Document {
    doc! { "state": FileState::Ready.name(), "delete_at": { "$gt": DateTime::MIN } }
}

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// A file without the fields of an upload does not arrive in pieces, and one without a time is not deleted by itself.
fn nothing<'a>(_: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async { Ok(()) })
}

fn remove_uploads<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        let fields = doc! { "upload_metadata": "", "upload_offset": "", "upload_expires_at": "", "appender": "" };
        let plain = doc! { "q": {}, "u": { "$unset": fields }, "multi": true };
        schema.command(doc! { "update": "files", "updates": [plain] }).await.map(drop)
    })
}

fn remove_delete_at<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        let plain = doc! { "q": {}, "u": { "$unset": { "delete_at": "" } }, "multi": true };
        schema.command(doc! { "update": "files", "updates": [plain] }).await.map(drop)
    })
}

fn drop_expired_files<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move { schema.drop_index("files", DELETE_AT.name).await })
}

fn remove_links<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        schema.drop_index("files", UPLOAD_LINK.name).await?;
        let plain = doc! { "q": {}, "u": { "$unset": { "upload_link_id": "" } }, "multi": true };
        schema.command(doc! { "update": "files", "updates": [plain] }).await.map(drop)
    })
}
