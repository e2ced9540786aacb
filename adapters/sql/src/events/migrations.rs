//! The migrations of events.

use crate::operations::{SqlSet, SqlStep, SqlWork, scripts};
use skep_application::operations::{FOUNDATION, MigrationStep};

const ORDER_OF_VERSIONS: SqlWork = SqlWork::both(include_str!("../../migrations/events/0003_order_of_versions.up.sql"));

pub(crate) const SET: SqlSet = SqlSet {
    name: "events",
    after: &[FOUNDATION], // the outbox gets triggers
    steps: &[
        MigrationStep { name: "log", work: scripts!("events/0001_log") },
        // MongoDB has a collection for messages between instances.
        MigrationStep { name: "wake_ups", work: SqlStep { up: SqlWork::NOTHING, down: SqlWork::NOTHING } },
        MigrationStep { name: "order_of_versions", work: SqlStep { up: ORDER_OF_VERSIONS, down: SqlWork::NOTHING } },
    ],
};
