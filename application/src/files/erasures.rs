//! What the erasure and the export of an account do with the tables of this context.

use crate::kernel::{Erasure, Export, UserData};

/// Every table of this context.
pub(crate) const ALL: &[Erasure] = &[
    ("files", UserData::Erased(Export::Sections(&["files", "uploads"]))),
    (
        "file_usage",
        UserData::Kept(
            "it has the id of the user and numbers, which are 0 once the files are deleted",
            Export::Left("its numbers follow from the files"),
        ),
    ),
    (
        "file_images",
        UserData::Erased(Export::Left("they are made from the files, whose contents the owner can download")),
    ),
];
