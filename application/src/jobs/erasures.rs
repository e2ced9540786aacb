//! What the erasure of an account does with the tables of this context.

use crate::kernel::{Erasure, UserData};

/// Every table of this context.
pub(crate) const ALL: &[Erasure] = &[
    (
        "jobs",
        UserData::Kept(
            "arguments name accounts by ids; the error of a mail that failed may quote the address; a job is deleted 1 day \
             after it ended, or 30 days if it failed (`JobPolicy`)",
        ),
    ),
    ("queues", UserData::None),
    ("schedules", UserData::None),
];
