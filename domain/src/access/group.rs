//! Groups of accounts. A group has roles, and gives them to its members.

use super::{Policy, Role};
use crate::shared::{Text, Timestamp, Version, string_type, typed_id};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

typed_id! {
    /// A group of accounts.
    GroupId
}

string_type! {
    /// What stands for the membership in a group among the roles of an account: `group:` and the id of the group. It is
    /// never the name of a role.
    Membership
}

impl Membership {
    /// The start of the text.
    pub const PREFIX: &str = "group:";

    /// The membership in this group.
    #[must_use]
    pub fn of(id: GroupId) -> Self {
        Self(format!("{}{id}", Self::PREFIX))
    }

    /// The group. A text that cannot be read is the membership in [`GroupId::NIL`], which does not exist.
    #[must_use]
    pub fn group(&self) -> GroupId {
        self.0.strip_prefix(Self::PREFIX).and_then(|id| id.parse().ok()).unwrap_or(GroupId::NIL)
    }
}

/// A group of accounts. Its members have its roles, and the roles of every group above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The identifier.
    pub id: GroupId,
    /// The name, unique: one line of 1 to [`Group::NAME_MAX`] characters.
    pub name: Text,
    /// What the group is for: one line of 1 to [`Group::DESCRIPTION_MAX`] characters.
    pub description: Text,
    /// The roles of the group itself, at most [`Group::MOST_ROLES`].
    pub roles: BTreeSet<Role>,
    /// The group that it is under; `None` at the top.
    pub parent_id: Option<GroupId>,
    /// When the group was created.
    pub created_at: Timestamp,
    /// When the group was last changed.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

/// The reason why a group cannot be under another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// The other group does not exist.
    #[error("does not exist")]
    Unknown,
    /// The group would be under itself.
    #[error("is the group itself or a group under it")]
    Cycle,
    /// There would be more than [`Group::MAX_DEPTH`] levels.
    #[error("is on a level that is too deep")]
    TooDeep,
}

/// The values of a group that a change sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFields {
    /// The name from now on.
    pub name: Text,
    /// What the group is for.
    pub description: Text,
    /// The roles of the group itself.
    pub roles: BTreeSet<Role>,
    /// The group that it is under.
    pub parent_id: Option<GroupId>,
}

impl Group {
    /// The greatest length of a name in characters.
    pub const NAME_MAX: usize = 100;
    /// The greatest length of a description in characters.
    pub const DESCRIPTION_MAX: usize = 200;
    /// The most roles of a group.
    pub const MOST_ROLES: usize = 20;
    /// The greatest number of levels, from a group without a parent to the lowest one.
    pub const MAX_DEPTH: usize = 8;
    /// The most groups of an account.
    pub const MOST_OF_AN_ACCOUNT: usize = 32;

    /// A new group.
    #[must_use]
    pub fn create(id: GroupId, fields: GroupFields, now: Timestamp) -> Self {
        let GroupFields { name, description, roles, parent_id } = fields;
        Self { id, name, description, roles, parent_id, created_at: now, updated_at: now, version: Version::FIRST }
    }

    /// Whether a group may have this role. Each account has [`Role::USER`] anyway. [`Role::ADMIN`] is given to accounts
    /// only, so that the rule that one admin stays can be judged by the accounts.
    #[must_use]
    pub fn may_have(role: &Role) -> bool {
        !matches!(role, Role::Group(_)) && *role != Role::ADMIN && *role != Role::USER
    }

    /// The values that a change sets.
    #[must_use]
    pub fn fields(&self) -> GroupFields {
        let Self { name, description, roles, parent_id, .. } = self.clone();
        GroupFields { name, description, roles, parent_id }
    }

    /// Replaces the values. Returns whether this changed anything. The caller has made sure that the group will not be
    /// under itself.
    pub fn change(&mut self, fields: GroupFields, now: Timestamp) -> bool {
        if self.fields() == fields {
            return false;
        }
        let GroupFields { name, description, roles, parent_id } = fields;
        (self.name, self.description, self.roles, self.parent_id) = (name, description, roles, parent_id);
        self.updated_at = now.not_before(self.updated_at);
        true
    }
}

impl Policy {
    /// This policy with these groups in addition. A group replaces an earlier one with the same id.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = Group>) -> Self {
        self.groups.extend(groups.into_iter().map(|group| (group.id, Arc::new(group))));
        self
    }

    /// The definition of a group.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<&Arc<Group>> {
        self.groups.get(&id)
    }

    /// Every group, in the order of the ids.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values().map(|group| &**group)
    }

    /// The group and those above it, the nearest first. It is empty for a group that is not defined.
    #[must_use]
    pub fn lineage(&self, id: GroupId) -> Vec<&Group> {
        let (mut lineage, mut next) = (vec![], self.groups.get(&id));
        while let Some(group) = next.filter(|_| lineage.len() < self.groups.len()) {
            lineage.push(&**group);
            next = group.parent_id.and_then(|parent| self.groups.get(&parent));
        }
        lineage
    }

    /// The roles that members of the group have: its own, and those of the groups above it.
    #[must_use]
    pub fn roles_of_group(&self, id: GroupId) -> BTreeSet<&Role> {
        let roles = self.lineage(id).into_iter().flat_map(|group| &group.roles);
        roles.filter(|role| !matches!(role, Role::Group(_))).collect()
    }

    /// The roles that members of a group get or lose when it takes the place of the present one.
    #[must_use]
    pub fn roles_changed_by(&self, changed: &Group) -> Vec<Role> {
        let after = self.clone().with_groups([changed.clone()]);
        let (before, after) = (self.roles_of_group(changed.id), after.roles_of_group(changed.id));
        before.symmetric_difference(&after).map(|role| (*role).clone()).collect()
    }

    /// Checks that the group can be under `parent`, together with the groups under it.
    ///
    /// # Errors
    /// [`Misplaced`].
    pub fn place(&self, id: GroupId, parent: GroupId) -> Result<(), Misplaced> {
        let lineage = self.lineage(parent);
        if lineage.is_empty() {
            return Err(Misplaced::Unknown);
        }
        if lineage.iter().any(|group| group.id == id) {
            return Err(Misplaced::Cycle);
        }
        if lineage.len() + self.height(id) > Group::MAX_DEPTH { Err(Misplaced::TooDeep) } else { Ok(()) }
    }

    /// The number of levels of the group and those under it, at least 1.
    fn height(&self, id: GroupId) -> usize {
        let mut under: BTreeMap<GroupId, Vec<GroupId>> = BTreeMap::new();
        for group in self.groups() {
            under.entry(group.parent_id.unwrap_or(GroupId::NIL)).or_default().push(group.id);
        }
        let (mut levels, mut level) = (1, vec![id]);
        while levels <= self.groups.len() {
            level = level.iter().flat_map(|id| under.get(id).into_iter().flatten()).copied().collect();
            if level.is_empty() {
                break;
            }
            levels += 1;
        }
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{BuiltInRole, PolicyVersion};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn id(number: u128) -> GroupId {
        GroupId::new(Uuid::from_u128(number))
    }

    fn group(number: u128, parent: Option<u128>, roles: &[BuiltInRole]) -> Group {
        let text = |text: &str| Text::line(text, 99).unwrap();
        let roles = roles.iter().copied().map(Role::BuiltIn).collect();
        let fields = GroupFields { name: text("Crew"), description: text("Bakes"), roles, parent_id: parent.map(id) };
        Group::create(id(number), fields, Timestamp::from_millis(10).unwrap())
    }

    fn policy(groups: impl IntoIterator<Item = Group>) -> Policy {
        Policy::new(PolicyVersion(1), []).with_groups(groups)
    }

    #[test]
    fn a_membership_is_no_role_name_and_names_its_group() {
        let membership = Membership::of(id(7));
        assert_eq!(membership.group(), id(7));
        assert!(membership.as_str().parse::<Role>().is_err(), "so it cannot be given like a role");
        assert_eq!(Role::stored(membership.as_str()), Role::Group(membership));
        assert_eq!(Membership::stored("group:moon".to_owned()).group(), GroupId::NIL);
    }

    #[test]
    fn a_group_has_every_role_but_those_that_only_accounts_have() {
        let own = Role::stored("baker");
        assert!(Group::may_have(&own) && Group::may_have(&Role::BuiltIn(BuiltInRole::Manager)));
        for role in [Role::ADMIN, Role::USER, Role::Group(Membership::of(id(1)))] {
            assert!(!Group::may_have(&role), "{role:?}");
        }
    }

    #[test]
    fn the_same_values_change_nothing() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let mut changed = group(1, None, &[]);
        let before = changed.clone();
        assert!(!changed.change(before.fields(), at(20)) && changed == before);
        let fields = GroupFields { parent_id: Some(id(2)), ..before.fields() };
        assert!(changed.change(fields, at(20)));
        let fields = GroupFields { name: Text::line("Night crew", 99).unwrap(), ..changed.fields() };
        // The clock may have been set back.
        assert!(changed.change(fields.clone(), at(5)));
        assert_eq!(changed, Group { name: fields.name, parent_id: Some(id(2)), updated_at: at(20), ..before });
    }

    #[test]
    fn members_have_the_roles_of_the_groups_above() {
        let (manager, editor) = (Role::BuiltIn(BuiltInRole::Manager), Role::BuiltIn(BuiltInRole::Editor));
        let policy = policy([group(1, None, &[BuiltInRole::Manager]), group(2, Some(1), &[BuiltInRole::Editor])]);
        assert_eq!(policy.roles_of_group(id(1)), BTreeSet::from([&manager]));
        assert_eq!(policy.roles_of_group(id(2)), BTreeSet::from([&manager, &editor]));
        assert!(policy.roles_of_group(id(3)).is_empty());
        let moved = group(2, None, &[BuiltInRole::Editor, BuiltInRole::Manager]);
        assert!(policy.roles_changed_by(&moved).is_empty(), "its members keep the same roles");
        assert_eq!(policy.roles_changed_by(&group(2, None, &[BuiltInRole::Editor])), [manager]);
    }

    #[test]
    fn a_group_has_at_most_eight_levels_and_is_never_under_itself() {
        let chain = policy((1..=8).map(|number| group(number, (number > 1).then(|| number - 1), &[])));
        assert_eq!(chain.place(id(9), id(7)), Ok(()));
        assert_eq!(chain.place(id(9), id(8)), Err(Misplaced::TooDeep));
        assert_eq!(chain.place(id(9), id(10)), Err(Misplaced::Unknown));
        for parent in 2..=8 {
            assert_eq!(chain.place(id(2), id(parent)), Err(Misplaced::Cycle));
        }
        let two = chain.with_groups([group(9, None, &[]), group(10, Some(9), &[])]);
        assert_eq!(two.place(id(9), id(6)), Ok(()));
        assert_eq!(two.place(id(9), id(7)), Err(Misplaced::TooDeep), "the group under it moves, too");
    }

    #[test]
    fn a_stored_cycle_ends() {
        let circle = policy([group(1, Some(2), &[BuiltInRole::Editor]), group(2, Some(1), &[])]);
        assert_eq!(circle.roles_of_group(id(1)).len(), 1);
        assert_eq!(circle.place(id(3), id(1)), Ok(()));
        assert!(circle.height(id(1)) <= 3);
    }

    proptest! {
        /// Any sequence of allowed moves leaves a forest of at most eight levels.
        #[test]
        fn allowed_moves_make_no_cycle(moves in prop::collection::vec((1_u128..12, 1_u128..12), 0..60)) {
            let mut policy = policy((1..12).map(|number| group(number, None, &[])));
            for (moved, parent) in moves {
                if policy.place(id(moved), id(parent)).is_ok() {
                    policy = policy.with_groups([group(moved, Some(parent), &[])]);
                }
                for number in 1..12 {
                    let lineage = policy.lineage(id(number));
                    prop_assert!(lineage.len() <= Group::MAX_DEPTH);
                    prop_assert!(lineage.last().is_some_and(|top| top.parent_id.is_none()));
                }
            }
        }
    }
}
