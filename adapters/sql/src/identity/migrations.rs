//! The migrations of identity.

use crate::operations::{SqlSet, scripts};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "identity",
    after: &[FOUNDATION],
    steps: &[MigrationStep { name: "known_networks", work: scripts!("identity/0001_known_networks") }],
};
