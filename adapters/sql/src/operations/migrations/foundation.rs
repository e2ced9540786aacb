//! The schema of the first version.

use super::{SqlSet, scripts};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(super) const SET: SqlSet = SqlSet {
    name: FOUNDATION,
    after: &[],
    steps: &[MigrationStep { name: "foundation", work: scripts!("foundation/0001_foundation") }],
};
