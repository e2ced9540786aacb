//! The migrations of identity.

use super::email_keys;
use crate::{SqlSet, SqlStep, SqlWork, operations::scripts};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: SqlSet = SqlSet {
    name: "identity",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep { name: "known_networks", work: scripts!("identity/0001_known_networks") },
        MigrationStep { name: "email_keys", work: scripts!("identity/0002_email_keys") },
        MigrationStep {
            name: "fill_email_keys",
            work: SqlStep { up: SqlWork::Code(email_keys::fill), down: SqlWork::NOTHING },
        },
        MigrationStep { name: "session_origins", work: scripts!("identity/0004_session_origins") },
        MigrationStep { name: "refresh_tokens", work: scripts!("identity/0005_refresh_tokens") },
        MigrationStep { name: "account_states", work: scripts!("identity/0006_account_states") },
        MigrationStep { name: "own_roles", work: scripts!("identity/0007_own_roles") },
        MigrationStep { name: "account_links", work: scripts!("identity/0008_account_links") },
        MigrationStep { name: "link_addresses", work: scripts!("identity/0009_link_addresses") },
        MigrationStep { name: "invitations", work: scripts!("identity/0010_invitations") },
        MigrationStep { name: "session_cookies", work: scripts!("identity/0011_session_cookies") },
        MigrationStep { name: "account_erasures", work: scripts!("identity/0012_account_erasures") },
        MigrationStep { name: "groups", work: scripts!("identity/0013_groups") },
    ],
};
