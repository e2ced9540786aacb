//! What the erasure and the export of an account do with the tables of this context.

use crate::kernel::{Erasure, Export, UserData};

/// Every table of this context.
pub(crate) const ALL: &[Erasure] = &[
    ("users", UserData::Erased(Export::Sections(&["account"]))),
    ("user_roles", UserData::Erased(Export::Sections(&["account"]))),
    ("sessions", UserData::Erased(Export::Sections(&["sessions"]))),
    ("known_networks", UserData::Erased(Export::Sections(&["known_networks"]))),
    (
        "account_links",
        UserData::Erased(Export::Left("links are secrets that expire; the mail with a link was sent to the user")),
    ),
    ("setup_tokens", UserData::None),
    ("roles", UserData::None),
    ("user_groups", UserData::None),
    ("role_policy", UserData::None),
];
