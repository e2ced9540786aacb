//! The migrations of the keys of this deployment.

use super::{SqlSet, SqlStep, SqlWork};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(super) const SET: SqlSet = SqlSet {
    name: "operations",
    after: &[FOUNDATION],
    steps: &[MigrationStep {
        name: "key_states",
        work: SqlStep {
            up: SqlWork::Script {
                sqlite: include_str!("../../../migrations/operations/0001_key_states.sqlite.up.sql"),
                postgres: include_str!("../../../migrations/operations/0001_key_states.postgres.up.sql"),
            },
            down: SqlWork::Script {
                sqlite: include_str!("../../../migrations/operations/0001_key_states.sqlite.down.sql"),
                postgres: include_str!("../../../migrations/operations/0001_key_states.postgres.down.sql"),
            },
        },
    }],
};
