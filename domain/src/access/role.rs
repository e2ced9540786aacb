//! The roles of an account.

use crate::shared::named;

named! {
    /// A role that an account can have.
    #[derive(PartialOrd, Ord)]
    Role {
        /// Runs the shop: manages products, stock and every order.
        Admin = "admin",
        /// Every account has this role.
        User = "user",
    }
}

/// There is no role of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of admin, user")]
pub struct UnknownRole;

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        Self::from_name(name).ok_or(UnknownRole)
    }
}
