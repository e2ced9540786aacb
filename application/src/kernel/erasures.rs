//! What the erasure of an account does with the tables that all contexts share.

use super::{Erasure, UserData};

/// Every table that all contexts share.
pub(crate) const ALL: &[Erasure] = &[
    (
        "outbox",
        UserData::Kept("events have the id of their actor, and no name and no address; they are deleted after 7 days"),
    ),
    (
        "idempotency_keys",
        UserData::Kept("an answer may show the account, or names and metadata of files; it is deleted after 24 hours"),
    ),
];
