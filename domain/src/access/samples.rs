//! Random roles and policies for the property tests.

use super::{BuiltInRole, OwnRole, Policy, PolicyVersion, Role, RoleId, RoleName};
use crate::{
    actions,
    shared::{Text, Timestamp},
};
use proptest::prelude::*;
use uuid::Uuid;

/// The roles that [`some_policy`] defines, and one that it does not.
const OWN: [&str; 4] = ["baker", "driver", "florist", "undefined"];

/// Roles of an account in any order: built-in ones, own ones, and one that is not defined.
pub(super) fn some_roles() -> impl Strategy<Value = Vec<Role>> {
    let all: Vec<_> = BuiltInRole::NAMES.iter().chain(&OWN).map(|name| Role::stored(name)).collect();
    let most = all.len();
    prop::sample::subsequence(all, 0..=most).prop_shuffle()
}

/// Three roles with some of the names of all actions, and one that no action has.
pub(super) fn some_policy() -> impl Strategy<Value = Policy> {
    let names: Vec<_> = actions().map(|action| action.name()).chain(["shop.moon.sell"]).collect();
    let most = names.len();
    let permissions = prop::sample::subsequence(names, 0..=most);
    prop::array::uniform3(permissions).prop_map(|permissions| {
        let roles = OWN.iter().zip(permissions).zip(1..).map(|((name, permissions), number)| {
            let (id, name) = (RoleId::new(Uuid::from_u128(number)), RoleName::stored((*name).to_owned()));
            let permissions = permissions.into_iter().map(str::to_owned).collect();
            OwnRole::create(id, name, Text::stored("A role".to_owned()), permissions, Timestamp::MIN)
        });
        Policy::new(PolicyVersion(1), roles)
    })
}
