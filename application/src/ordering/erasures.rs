//! What the erasure of an account does with the tables of this context.

use crate::kernel::{Erasure, UserData};

/// Every table of this context.
pub(crate) const ALL: &[Erasure] = &[
    ("orders", UserData::Kept("they are needed for accounting; of the customer, they have the id and nothing else")),
    ("order_lines", UserData::None),
];
