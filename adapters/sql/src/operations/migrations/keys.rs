//! The migrations of the keys of this deployment.

use super::{SqlSet, scripts};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(super) const SET: SqlSet = SqlSet {
    name: "operations",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep { name: "key_states", work: scripts!("operations/0001_key_states") },
        MigrationStep { name: "field_keys", work: scripts!("operations/0002_field_keys") },
    ],
};
