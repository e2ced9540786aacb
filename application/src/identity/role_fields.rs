//! What the commands on roles, and on accounts that have them, share.

use super::IdentityTx;
use crate::kernel::{FieldError, Invalid, StoreError, refusal};
use skep_domain::{
    access::{Group, OwnRole, Policy, PolicyVersion, Role, RoleName, Subject, may_pass_on},
    actions,
    shared::Text,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The id that commands on roles contend for, because they follow one another.
pub(super) const POLICY: Uuid = Uuid::from_u128(0x736b_6570_2d70_6f6c_6963_7900_0000_0001);

refusal! {
    /// An account can put only permissions into a role, and take only those out, that it has itself.
    PermissionNotHeld = Denied, "permission_not_held";
}

refusal! {
    /// Built-in roles come with Skep and cannot be changed or deleted.
    RoleIsBuiltIn = Conflict, "role_is_built_in";
}

refusal! {
    /// Another role has this name.
    RoleNameTaken = Conflict, "role_name_taken";
}

refusal! {
    /// There are too many roles; delete one first.
    TooManyRoles = Conflict, "too_many_roles";
}

refusal! {
    /// Accounts have the role; take it from them first.
    RoleInUse {
        /// The number of accounts.
        pub accounts: u64,
    } = Conflict, "role_in_use", "the number of accounts that have the role is {accounts}; take it from them first";
}

refusal! {
    /// Groups have the role; take it out of them first.
    RoleInGroups {
        /// The number of groups.
        pub groups: u64,
    } = Conflict, "role_in_groups", "the number of groups that have the role is {groups}; take it out of them first";
}

/// How many roles and groups there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolePolicy {
    /// The most roles that the deployment defines itself.
    pub most: u32,
    /// The most groups of accounts.
    pub most_groups: u32,
}

impl RolePolicy {
    /// The greatest number of roles that may be allowed. A list shows all of them.
    pub const MOST: u32 = 200;
    /// The greatest number of groups that may be allowed. A list shows all of them.
    pub const MOST_GROUPS: u32 = 1_000;
}

impl Default for RolePolicy {
    /// 100 roles and 200 groups.
    fn default() -> Self {
        Self { most: 100, most_groups: 200 }
    }
}

/// The name of a role that is to be changed, or the refusal for a built-in one.
pub(super) fn own_name(name: RoleName) -> Result<RoleName, RoleIsBuiltIn> {
    match Role::stored(name.as_str()) {
        Role::BuiltIn(_) => Err(RoleIsBuiltIn),
        Role::Own(name) => Ok(name),
        // The form of a name excludes it.
        Role::Group(membership) => Ok(RoleName::stored(membership.into_string())),
    }
}

pub(super) fn description(invalid: &mut Invalid, text: &str) -> Option<Text> {
    invalid.check("/description", "invalid_text", Text::line(text, OwnRole::DESCRIPTION_MAX))
}

/// Checks the names of permissions. Names in `kept` are not judged again.
pub(super) fn permissions(invalid: &mut Invalid, names: &[String], kept: &BTreeSet<String>) -> BTreeSet<String> {
    if names.len() > OwnRole::MOST_PERMISSIONS {
        let text = format!("must have at most {} items", OwnRole::MOST_PERMISSIONS);
        invalid.errors.push(FieldError::new("/permissions", "too_many", text));
        return BTreeSet::new();
    }
    let exists = |name: &String| actions().any(|action| action.is_permission() && action.name() == name);
    for (at, name) in names.iter().enumerate() {
        if !kept.contains(name) && !exists(name) {
            invalid.errors.push(FieldError::new(
                format!("/permissions/{at}"),
                "unknown_permission",
                "is not a permission that a role can have",
            ));
        }
    }
    names.iter().cloned().collect()
}

/// Refuses permissions that the subject may not pass on.
pub(super) fn pass_on<'a>(
    subject: Subject<'_>,
    permissions: impl IntoIterator<Item = &'a String>,
) -> Result<(), PermissionNotHeld> {
    let all = permissions.into_iter().all(|permission| may_pass_on(subject, permission));
    if all { Ok(()) } else { Err(PermissionNotHeld) }
}

/// Returns the definitions of those roles that the deployment defines, and of groups. They stay until the unit has ended,
/// so that no role or group is changed or deleted while a decision rests on it.
pub(super) async fn definitions(unit: &mut dyn IdentityTx, roles: &[Role]) -> Result<Policy, StoreError> {
    // The groups come first, so that units do not wait for each other in a circle.
    let is_in_a_group = roles.iter().any(|role| matches!(role, Role::Group(_)));
    let groups = if is_in_a_group { unit.groups().hold().await? } else { vec![] };
    definitions_with(unit, roles, groups).await
}

/// As [`definitions`], with groups that the unit holds already.
pub(super) async fn definitions_with(
    unit: &mut dyn IdentityTx,
    roles: &[Role],
    groups: Vec<Group>,
) -> Result<Policy, StoreError> {
    let policy = Policy::new(PolicyVersion::default(), []).with_groups(groups);
    let plain = roles.iter().flat_map(|role| match role {
        Role::Group(membership) => policy.roles_of_group(membership.group()).into_iter().collect(),
        role => vec![role],
    });
    let name = |role: &Role| match role {
        Role::Own(name) => Some(name.clone()),
        Role::BuiltIn(_) | Role::Group(_) => None,
    };
    let names: BTreeSet<RoleName> = plain.filter_map(name).collect();
    let names: Vec<_> = names.into_iter().collect();
    let defined = if names.is_empty() { vec![] } else { unit.roles().hold(&names).await? };
    Ok(Policy::new(PolicyVersion::default(), defined).with_groups(policy.groups().cloned()))
}
