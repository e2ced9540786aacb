//! The migrations of the tables that every context uses.

use super::idempotency;
use crate::{SqlSet, SqlStep, SqlWork};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "kernel",
    after: &[FOUNDATION],
    steps: &[MigrationStep {
        name: "kept_answers",
        work: SqlStep {
            up: SqlWork::Script {
                sqlite: include_str!("../../migrations/kernel/0001_kept_answers.sqlite.up.sql"),
                postgres: include_str!("../../migrations/kernel/0001_kept_answers.postgres.up.sql"),
            },
            down: SqlWork::Code(idempotency::make_plain),
        },
    }],
};
