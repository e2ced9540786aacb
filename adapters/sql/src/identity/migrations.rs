//! The migrations of identity.

use crate::operations::{SqlSet, SqlStep, SqlWork};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "identity",
    after: &[FOUNDATION],
    steps: &[MigrationStep {
        name: "known_networks",
        work: SqlStep {
            up: SqlWork::Script {
                sqlite: include_str!("../../migrations/identity/0001_known_networks.sqlite.up.sql"),
                postgres: include_str!("../../migrations/identity/0001_known_networks.postgres.up.sql"),
            },
            down: SqlWork::Script {
                sqlite: include_str!("../../migrations/identity/0001_known_networks.sqlite.down.sql"),
                postgres: include_str!("../../migrations/identity/0001_known_networks.postgres.down.sql"),
            },
        },
    }],
};
