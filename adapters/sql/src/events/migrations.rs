//! The migrations of events.

use crate::operations::{SqlSet, scripts};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "events",
    after: &[FOUNDATION], // the outbox gets triggers
    steps: &[MigrationStep { name: "log", work: scripts!("events/0001_log") }],
};
