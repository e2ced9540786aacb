//! The migrations of ordering.

use crate::operations::{SqlSet, scripts};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "ordering",
    after: &[FOUNDATION],
    steps: &[MigrationStep { name: "expiry", work: scripts!("ordering/0001_expiry") }],
};
