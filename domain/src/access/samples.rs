//! Random roles and policies for the property tests.

use super::{
    BuiltInRole, Group, GroupFields, GroupId, Membership, OwnRole, Policy, PolicyVersion, Role, RoleId, RoleName,
};
use crate::{
    actions,
    shared::{Text, Timestamp},
};
use proptest::prelude::*;
use uuid::Uuid;

/// The roles that [`some_policy`] defines, and one that it does not.
const OWN: [&str; 4] = ["baker", "driver", "florist", "undefined"];

/// Two groups that [`some_policy`] defines, the second one under the first, and one that it does not define.
const GROUPS: [u128; 3] = [1, 2, 3];

fn group_id(number: u128) -> GroupId {
    GroupId::new(Uuid::from_u128(number))
}

/// Roles of an account in any order: built-in ones, own ones, groups, and a role and a group that are not defined.
pub(super) fn some_roles() -> impl Strategy<Value = Vec<Role>> {
    let groups = GROUPS.iter().map(|number| Role::Group(Membership::of(group_id(*number))));
    let all: Vec<_> = plain_roles().into_iter().chain(groups).collect();
    let most = all.len();
    prop::sample::subsequence(all, 0..=most).prop_shuffle()
}

fn plain_roles() -> Vec<Role> {
    BuiltInRole::NAMES.iter().chain(&OWN).map(|name| Role::stored(name)).collect()
}

fn group(number: u128, roles: Vec<Role>) -> Group {
    let [name, description] = ["Crew", "A group"].map(|text| Text::stored(text.to_owned()));
    let (roles, parent_id) = (roles.into_iter().collect(), (number > 1).then(|| group_id(number - 1)));
    Group::create(group_id(number), GroupFields { name, description, roles, parent_id }, Timestamp::MIN)
}

/// Three roles with some of the names of all actions, and one that no action has, and two groups with some roles.
pub(super) fn some_policy() -> impl Strategy<Value = Policy> {
    let names: Vec<_> = actions().map(|action| action.name()).chain(["shop.moon.sell"]).collect();
    let most = names.len();
    let permissions = prop::sample::subsequence(names, 0..=most);
    let (roles, most) = (plain_roles(), plain_roles().len());
    let groups = prop::array::uniform2(prop::sample::subsequence(roles, 0..=most));
    (prop::array::uniform3(permissions), groups).prop_map(|(permissions, groups)| {
        let roles = OWN.iter().zip(permissions).zip(1..).map(|((name, permissions), number)| {
            let (id, name) = (RoleId::new(Uuid::from_u128(number)), RoleName::stored((*name).to_owned()));
            let permissions = permissions.into_iter().map(str::to_owned).collect();
            OwnRole::create(id, name, Text::stored("A role".to_owned()), permissions, Timestamp::MIN)
        });
        let groups = GROUPS.into_iter().zip(groups).map(|(number, roles)| group(number, roles));
        Policy::new(PolicyVersion(1), roles).with_groups(groups)
    })
}
