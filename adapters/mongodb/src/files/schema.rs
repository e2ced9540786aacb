//! The migrations of files.

use crate::schema::{MongoSchema, MongoSet, MongoStep, collection, index};
use bson::doc;
use skep_application::{
    kernel::StoreError,
    operations::{FOUNDATION, MigrationStep},
};
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
    ],
};

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// A file without the fields of an upload does not arrive in pieces.
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
