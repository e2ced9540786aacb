//! The list of accounts: its filters, and the keys that sort it.

use super::UserView;
use crate::kernel::{Position, Sort, SortValue};
use skep_domain::{
    access::Role,
    identity::{AccountState, EmailPrefix, NamePrefix, User},
    shared::{Timestamp, named},
};

/// The accounts that a list has: those that meet every condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserFilter {
    /// A role of the accounts.
    pub role: Option<Role>,
    /// The state of the accounts.
    pub state: Option<AccountState>,
    /// The start of their addresses.
    pub email: Option<EmailPrefix>,
    /// The start of their display names.
    pub name: Option<NamePrefix>,
    /// The time at or after which they were created.
    pub created_from: Option<Timestamp>,
    /// The time at or before which they were created.
    pub created_until: Option<Timestamp>,
}

impl UserFilter {
    /// Whether the list has this account.
    #[must_use]
    pub fn admits(&self, user: &User) -> bool {
        let Self { role, state, email, name, created_from, created_until } = self;
        role.as_ref().is_none_or(|role| user.roles.contains(role))
            && state.is_none_or(|state| state == user.state())
            && email.as_ref().is_none_or(|email| user.email.address().starts_with(email.as_str()))
            && name.as_ref().is_none_or(|name| user.display_name.as_str().starts_with(name.as_str()))
            && created_from.is_none_or(|from| from <= user.created_at)
            && created_until.is_none_or(|until| user.created_at <= until)
    }
}

named! {
    /// The keys that lists of accounts can be sorted by, the default first.
    UserSortKey {
        /// The time of creation.
        CreatedAt = "created_at",
        /// The display name, byte by byte.
        DisplayName = "display_name",
    }
}

impl UserSortKey {
    /// The position of the account in a list that is sorted by this key.
    #[must_use]
    pub fn position(self, user: &UserView) -> Position {
        let key = match self {
            Self::CreatedAt => SortValue::Time(user.created_at),
            Self::DisplayName => SortValue::Text(user.display_name.as_str().to_owned()),
        };
        Position { key, id: user.id.uuid() }
    }
}

/// The order of a list of accounts.
pub type UserSort = Sort<UserSortKey>;
