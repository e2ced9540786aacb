//! What the erasure and the export of an account do with the tables of this context.

use crate::kernel::{Erasure, Export, UserData};

/// Every table of this context.
pub(crate) const ALL: &[Erasure] = &[
    (
        "orders",
        UserData::Kept(
            "they are needed for accounting; of the customer, they have the id and nothing else",
            Export::Sections(&["orders"]),
        ),
    ),
    (
        "order_lines",
        UserData::Kept("they are needed for accounting, and have no id of a user", Export::Sections(&["orders"])),
    ),
];
