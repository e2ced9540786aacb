//! What the erasure and the export of an account do with the tables that all contexts share.

use super::{Erasure, Export, UserData};

/// Every table that all contexts share.
pub(crate) const ALL: &[Erasure] = &[
    (
        "outbox",
        UserData::Kept(
            "events have the id of their actor, and no name and no address; they are deleted after 7 days",
            Export::Left("events repeat changes of rows that other sections have"),
        ),
    ),
    (
        "idempotency_keys",
        UserData::Kept(
            "an answer may show the account, or names and metadata of files; it is deleted after 24 hours",
            Export::Left("answers are copies of rows that other sections have"),
        ),
    ),
];
