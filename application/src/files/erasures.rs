//! What the erasure of an account does with the tables of this context.

use crate::kernel::{Erasure, UserData};

/// Every table of this context.
pub(crate) const ALL: &[Erasure] = &[
    ("files", UserData::Erased),
    ("file_usage", UserData::Kept("it has the id of the user and numbers, which are 0 once the files are deleted")),
];
