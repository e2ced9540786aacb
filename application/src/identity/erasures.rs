//! What the erasure of an account does with the tables of this context.

use crate::kernel::{Erasure, UserData};

/// Every table of this context.
pub(crate) const ALL: &[Erasure] = &[
    ("users", UserData::Erased),
    ("user_roles", UserData::Erased),
    ("sessions", UserData::Erased),
    ("known_networks", UserData::Erased),
    ("account_links", UserData::Erased),
    ("setup_tokens", UserData::None),
    ("roles", UserData::None),
    ("role_policy", UserData::None),
];
