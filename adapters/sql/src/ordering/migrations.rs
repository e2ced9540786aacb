//! The migrations of ordering.

use crate::{
    SqlStep, SqlWork,
    operations::{SqlSet, scripts},
};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "ordering",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep { name: "expiry", work: scripts!("ordering/0001_expiry") },
        MigrationStep {
            name: "one_index_of_a_customer",
            work: SqlStep {
                up: on_sqlite(scripts!("ordering/0002_one_index_of_a_customer", "sqlite", "up")),
                down: on_sqlite(scripts!("ordering/0002_one_index_of_a_customer", "sqlite", "down")),
            },
        },
    ],
};

/// PostgreSQL keeps its two indexes. It logs an entry of an index and not its page, and its planner would read and sort
/// all orders of a customer.
const fn on_sqlite(script: &'static str) -> SqlWork {
    SqlWork::Script { sqlite: script, postgres: "" }
}
