//! What the erasure of an account does with the tables of this context.

use crate::kernel::{Erasure, UserData};

/// Every table of this context.
pub(crate) const ALL: &[Erasure] = &[
    ("categories", UserData::None),
    ("products", UserData::None),
    ("stock_levels", UserData::None),
    ("stock_movements", UserData::None),
    ("reservations", UserData::None),
];
