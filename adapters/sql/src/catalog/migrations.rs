//! The migrations of the catalog.

use crate::operations::{SqlSet, scripts};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "catalog",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep { name: "categories", work: scripts!("catalog/0001_categories") },
        MigrationStep { name: "pictures", work: scripts!("catalog/0002_pictures") },
    ],
};
