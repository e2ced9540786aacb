//! The roles that a deployment defines itself.

use super::{Group, GroupId, RoleName};
use crate::shared::{Text, Timestamp, Version, typed_id};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

typed_id! {
    /// A role of the deployment.
    RoleId
}

/// A role that the deployment defines: the permissions of accounts that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRole {
    /// The identifier.
    pub id: RoleId,
    /// The name, unique, and never that of a built-in role. It stays.
    pub name: RoleName,
    /// What the role is for: one line of 1 to [`OwnRole::DESCRIPTION_MAX`] characters.
    pub description: Text,
    /// The names of the actions that the role allows. A name that no action of this build has is kept and allows nothing.
    pub permissions: BTreeSet<String>,
    /// When the role was created.
    pub created_at: Timestamp,
    /// When the role was last changed.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl OwnRole {
    /// The greatest length of a description in characters.
    pub const DESCRIPTION_MAX: usize = 200;
    /// The most permissions of a role.
    pub const MOST_PERMISSIONS: usize = 200;

    /// A new role.
    #[must_use]
    pub const fn create(
        id: RoleId,
        name: RoleName,
        description: Text,
        permissions: BTreeSet<String>,
        now: Timestamp,
    ) -> Self {
        Self { id, name, description, permissions, created_at: now, updated_at: now, version: Version::FIRST }
    }

    /// Replaces the description and the permissions. Returns whether this changed anything.
    pub fn change(&mut self, description: Text, permissions: BTreeSet<String>, now: Timestamp) -> bool {
        if (&self.description, &self.permissions) == (&description, &permissions) {
            return false;
        }
        (self.description, self.permissions) = (description, permissions);
        self.updated_at = now.not_before(self.updated_at);
        true
    }
}

/// A number that grows with each change of a role or a group of the deployment. Definitions that were read under a number stand as
/// long as the number does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PolicyVersion(pub i64);

/// The roles and groups that the deployment defines, as they were under a version of the policy or later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// The version that was read before the roles.
    pub version: PolicyVersion,
    roles: BTreeMap<RoleName, Arc<OwnRole>>,
    pub(super) groups: BTreeMap<GroupId, Arc<Group>>,
}

impl Policy {
    /// The policy of these roles, without groups.
    #[must_use]
    pub fn new(version: PolicyVersion, roles: impl IntoIterator<Item = OwnRole>) -> Self {
        let by_name = |role: OwnRole| (role.name.clone(), Arc::new(role));
        Self { version, roles: roles.into_iter().map(by_name).collect(), groups: BTreeMap::new() }
    }

    /// The definition of a role.
    #[must_use]
    pub fn role(&self, name: &RoleName) -> Option<&Arc<OwnRole>> {
        self.roles.get(name)
    }

    /// Every role, in the order of the names.
    pub fn roles(&self) -> impl Iterator<Item = &OwnRole> {
        self.roles.values().map(|role| &**role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_same_values_change_nothing() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let (name, text) = (RoleName::parse("baker").unwrap(), |text| Text::line(text, 9).unwrap());
        let permissions = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let id = RoleId::new(Uuid::from_u128(1));
        let mut role = OwnRole::create(id, name, text("Bakes"), permissions(&["shop.oven.heat"]), at(10));
        let before = role.clone();
        assert!(!role.change(text("Bakes"), permissions(&["shop.oven.heat"]), at(20)) && role == before);
        assert!(role.change(text("Bakes"), permissions(&[]), at(20)));
        // The clock may have been set back.
        assert!(role.change(text("Rests"), permissions(&[]), at(5)));
        let changed =
            OwnRole { description: text("Rests"), permissions: permissions(&[]), updated_at: at(20), ..before };
        assert_eq!(role, changed);
    }
}
