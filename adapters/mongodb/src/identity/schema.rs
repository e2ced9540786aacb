//! The migrations of identity.

use crate::schema::{MongoSet, MongoStep, collection, index};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: MongoSet = MongoSet {
    name: "identity",
    after: &[FOUNDATION],
    steps: &[MigrationStep {
        name: "known_networks",
        work: MongoStep::collections(&[collection(
            "known_networks",
            &[index("known_networks_last_login_at_idx", &["last_login_at"])],
        )]),
    }],
};
