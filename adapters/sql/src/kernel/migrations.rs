//! The migrations of the tables that every context uses.

use super::idempotency;
use crate::{SqlSet, SqlStep, SqlWork, operations::scripts};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "kernel",
    after: &[FOUNDATION],
    steps: &[MigrationStep {
        name: "kept_answers",
        work: SqlStep { up: scripts!("kernel/0001_kept_answers", "up"), down: SqlWork::Code(idempotency::make_plain) },
    }],
};
