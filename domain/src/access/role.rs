//! The roles of an account.

use super::Membership;
use crate::shared::{BuiltInRole, Described, Kind, string_type};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

string_type! {
    /// The name of a role: 1 to 40 lowercase ASCII letters, digits, `_` and `-`, the first one a letter.
    RoleName
}

/// The text is not a name of this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must start with a lowercase letter, and have 1 to 40 lowercase letters, digits, `_` and `-`")]
pub struct InvalidRoleName;

impl RoleName {
    /// The greatest length in characters.
    pub const MAX: usize = 40;
    /// The form of a name as a regular expression, for interfaces. The length is limited besides.
    pub const PATTERN: &str = "^[a-z][a-z0-9_-]*$";

    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidRoleName`].
    pub fn parse(text: &str) -> Result<Self, InvalidRoleName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        let fits = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed);
        let is_name = fits && text.starts_with(|first: char| first.is_ascii_lowercase());
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidRoleName) }
    }
}

/// A role that an account has. The built-in roles come first, and then the names of others, and then groups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A role that every deployment has.
    BuiltIn(BuiltInRole),
    /// A role of the deployment. If no role of this name is defined, it allows nothing.
    Own(RoleName),
    /// The roles that members of a group have. If the group does not exist, it allows nothing.
    Group(Membership),
}

impl Role {
    /// The role that has every permission.
    pub const ADMIN: Self = Self::BuiltIn(BuiltInRole::Admin);
    /// The role of every account.
    pub const USER: Self = Self::BuiltIn(BuiltInRole::User);

    /// Wraps a name that was parsed before it was stored. It is not checked again.
    #[must_use]
    pub fn stored(name: &str) -> Self {
        let other = || match name.starts_with(Membership::PREFIX) {
            true => Self::Group(Membership::stored(name.to_owned())),
            false => Self::Own(RoleName::stored(name.to_owned())),
        };
        BuiltInRole::from_name(name).map_or_else(other, Self::BuiltIn)
    }

    /// The name, as stored and shown.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::BuiltIn(role) => role.name(),
            Self::Own(name) => name.as_str(),
            Self::Group(membership) => membership.as_str(),
        }
    }
}

impl std::str::FromStr for Role {
    type Err = InvalidRoleName;

    /// Reads the name of a role, which does not have to be defined. A membership is no name of a role.
    fn from_str(name: &str) -> Result<Self, InvalidRoleName> {
        let own = || RoleName::parse(name).map(Self::Own);
        BuiltInRole::from_name(name).map_or_else(own, |role| Ok(Self::BuiltIn(role)))
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::stored(&String::deserialize(deserializer)?))
    }
}

impl Described for Role {
    const KIND: Kind = Kind::Text;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_has_lowercase_letters_and_starts_with_one() {
        for name in ["a", "shift-lead", "level_2", &"a".repeat(40)] {
            assert_eq!(RoleName::parse(name).unwrap().as_str(), name);
        }
        for name in ["", "2nd", "-a", "_a", "Admin", "a b", "a,b", "a/b", "é", "a\n", &"a".repeat(41)] {
            assert_eq!(RoleName::parse(name), Err(InvalidRoleName), "{name:?}");
        }
    }

    #[test]
    fn a_built_in_name_is_never_an_own_role() {
        for role in BuiltInRole::ALL {
            assert_eq!(role.name().parse(), Ok(Role::BuiltIn(*role)));
            assert_eq!(Role::stored(role.name()), Role::BuiltIn(*role));
        }
    }

    proptest! {
        #[test]
        fn a_role_is_stored_and_shown_by_its_name(name in "[a-z][a-z0-9_-]{0,39}") {
            let role: Role = name.parse().unwrap();
            prop_assert_eq!(role.name(), name.as_str());
            prop_assert_eq!(&Role::stored(&name), &role);
            let json = serde_json::to_string(&role).unwrap();
            prop_assert_eq!(&json, &format!("\"{name}\""));
            prop_assert_eq!(serde_json::from_str::<Role>(&json).unwrap(), role);
        }
    }
}
