//! The migrations of identity.

use super::{account_links, account_states, cookies, email_keys, groups, refresh_tokens, roles, session_origins};
use crate::schema::{MongoSet, MongoStep, collection, index};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: MongoSet = MongoSet {
    name: "identity",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep {
            name: "known_networks",
            work: MongoStep::collections(&[collection(
                "known_networks",
                &[index("known_networks_last_login_at_idx", &["last_login_at"])],
            )]),
        },
        MigrationStep {
            name: "email_keys",
            work: MongoStep::change(email_keys::keep, email_keys::INDEXES, email_keys::unmake, &[]),
        },
        MigrationStep { name: "fill_email_keys", work: MongoStep::code(email_keys::fill, email_keys::keep) },
        MigrationStep {
            name: "session_origins",
            work: MongoStep::code(session_origins::keep, session_origins::unmake),
        },
        MigrationStep { name: "refresh_tokens", work: MongoStep::code(session_origins::keep, refresh_tokens::unmake) },
        MigrationStep {
            name: "account_states",
            work: MongoStep::change(email_keys::keep, account_states::INDEXES, account_states::unmake, &[]),
        },
        MigrationStep {
            name: "own_roles",
            work: MongoStep::change(email_keys::keep, roles::INDEXES, roles::unmake, &[]),
        },
        MigrationStep {
            name: "account_links",
            work: MongoStep::change(email_keys::keep, account_links::MADE, account_links::unmake, &[]),
        },
        MigrationStep {
            name: "link_addresses",
            work: MongoStep::code(email_keys::keep, account_links::unmake_addresses),
        },
        MigrationStep {
            name: "invitations",
            work: MongoStep::code(email_keys::keep, account_states::unmake_invitations),
        },
        MigrationStep { name: "session_cookies", work: MongoStep::code(session_origins::keep, cookies::unmake) },
        MigrationStep {
            name: "account_erasures",
            work: MongoStep::change(email_keys::keep, account_states::ERASURES, account_states::unmake_erasures, &[]),
        },
        MigrationStep {
            name: "groups",
            work: MongoStep::change(email_keys::keep, groups::INDEXES, groups::unmake, &[]),
        },
    ],
};
