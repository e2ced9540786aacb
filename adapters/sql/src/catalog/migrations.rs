//! The migrations of the catalog.

use crate::operations::{SqlSet, SqlStep, SqlWork};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "catalog",
    after: &[FOUNDATION],
    steps: &[MigrationStep {
        name: "categories",
        work: SqlStep {
            up: SqlWork::Script {
                sqlite: include_str!("../../migrations/catalog/0001_categories.sqlite.up.sql"),
                postgres: include_str!("../../migrations/catalog/0001_categories.postgres.up.sql"),
            },
            down: SqlWork::Script {
                sqlite: include_str!("../../migrations/catalog/0001_categories.sqlite.down.sql"),
                postgres: include_str!("../../migrations/catalog/0001_categories.postgres.down.sql"),
            },
        },
    }],
};
