//! The migrations of ordering.

use crate::operations::{SqlSet, SqlStep, SqlWork};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "ordering",
    after: &[FOUNDATION],
    steps: &[MigrationStep {
        name: "expiry",
        work: SqlStep {
            up: SqlWork::Script {
                sqlite: include_str!("../../migrations/ordering/0001_expiry.sqlite.up.sql"),
                postgres: include_str!("../../migrations/ordering/0001_expiry.postgres.up.sql"),
            },
            down: SqlWork::Script {
                sqlite: include_str!("../../migrations/ordering/0001_expiry.sqlite.down.sql"),
                postgres: include_str!("../../migrations/ordering/0001_expiry.postgres.down.sql"),
            },
        },
    }],
};
