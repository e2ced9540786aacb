//! The schema of the first version.

use super::{SqlSet, SqlStep, SqlWork};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(super) const SET: SqlSet = SqlSet {
    name: FOUNDATION,
    after: &[],
    steps: &[MigrationStep {
        name: "foundation",
        work: SqlStep {
            up: SqlWork::Script {
                sqlite: include_str!("../../../migrations/foundation/0001_foundation.sqlite.up.sql"),
                postgres: include_str!("../../../migrations/foundation/0001_foundation.postgres.up.sql"),
            },
            down: SqlWork::Script {
                sqlite: include_str!("../../../migrations/foundation/0001_foundation.sqlite.down.sql"),
                postgres: include_str!("../../../migrations/foundation/0001_foundation.postgres.down.sql"),
            },
        },
    }],
};
