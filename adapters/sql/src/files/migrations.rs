//! The migrations of files.

use crate::operations::{SqlSet, scripts};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "files",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep { name: "files", work: scripts!("files/0001_files") },
        MigrationStep { name: "uploads_in_pieces", work: scripts!("files/0002_uploads_in_pieces") },
        MigrationStep { name: "open_uploads", work: scripts!("files/0003_open_uploads") },
        MigrationStep { name: "unready_of_owner", work: scripts!("files/0004_unready_of_owner") },
        MigrationStep { name: "delete_at", work: scripts!("files/0005_delete_at") },
        MigrationStep { name: "expired_files", work: scripts!("files/0006_expired_files") },
        MigrationStep { name: "file_images", work: scripts!("files/0007_file_images") },
        MigrationStep { name: "upload_links", work: scripts!("files/0008_upload_links") },
    ],
};
