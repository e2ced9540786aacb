//! The migrations of files.

use crate::schema::{MongoSet, MongoStep, collection, index};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: MongoSet = MongoSet {
    name: "files",
    after: &[FOUNDATION],
    steps: &[MigrationStep {
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
    }],
};
