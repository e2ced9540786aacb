//! The migrations of the catalog.

use crate::schema::{MongoSet, MongoStep, collection, index, unique};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: MongoSet = MongoSet {
    name: "catalog",
    after: &[FOUNDATION],
    steps: &[MigrationStep {
        name: "categories",
        work: MongoStep::collections(&[collection(
            "categories",
            &[
                unique("categories_slug_key", &["slug"]),
                index("categories_parent_id_idx", &["parent_id"]),
                index("categories_name_idx", &["name", "_id"]),
                index("categories_created_at_idx", &["created_at", "_id"]),
            ],
        )]),
    }],
};
