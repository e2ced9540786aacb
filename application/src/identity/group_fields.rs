//! What the commands on groups share.

use super::{IdentityTx, RoleNotHeld, role_fields::definitions_with, set_user_roles::all_held};
use crate::kernel::{FieldError, Invalid, StoreError, refusal};
use skep_domain::{
    access::{Group, GroupId, Misplaced, Policy, PolicyVersion, Role, Subject},
    shared::Text,
};
use std::collections::BTreeSet;

refusal! {
    /// Another group has this name.
    GroupNameTaken = Conflict, "group_name_taken";
}

refusal! {
    /// There are too many groups; delete one first.
    TooManyGroups = Conflict, "too_many_groups";
}

refusal! {
    /// A group cannot be put under itself or a group under it.
    GroupCycle = Conflict, "group_cycle";
}

refusal! {
    /// Groups can have at most 8 levels.
    GroupTooDeep = Conflict, "group_too_deep";
}

refusal! {
    /// The account is in 32 groups, and cannot be in more.
    TooManyMemberships = Conflict, "too_many_memberships";
}

refusal! {
    /// The group has members or groups under it; take them out first.
    GroupInUse {
        /// The number of members.
        pub accounts: u64,
        /// The number of groups directly under it.
        pub groups: u64,
    } = Conflict, "group_in_use",
        "the group has {accounts} members, and {groups} groups are directly under it; take them out first";
}

pub(super) fn name(invalid: &mut Invalid, text: &str) -> Option<Text> {
    invalid.check("/name", "invalid_text", Text::line(text, Group::NAME_MAX))
}

pub(super) fn description(invalid: &mut Invalid, text: &str) -> Option<Text> {
    invalid.check("/description", "invalid_text", Text::line(text, Group::DESCRIPTION_MAX))
}

/// Reads the names of roles that a group is to have. Roles in `kept` are not judged again.
pub(super) fn roles(invalid: &mut Invalid, names: &[String], kept: &BTreeSet<Role>) -> BTreeSet<Role> {
    if names.len() > Group::MOST_ROLES {
        let text = format!("must have at most {} items", Group::MOST_ROLES);
        invalid.errors.push(FieldError::new("/roles", "too_many", text));
        return BTreeSet::new();
    }
    let mut roles = BTreeSet::new();
    for (at, name) in names.iter().enumerate() {
        let field = format!("/roles/{at}");
        let Some(role) = invalid.check(&field, "invalid_value", name.parse::<Role>()) else { continue };
        if !kept.contains(&role) && !Group::may_have(&role) {
            invalid.errors.push(FieldError::new(field, "role_of_accounts_only", "is a role that no group can have"));
        }
        roles.insert(role);
    }
    roles
}

/// Refuses a place under `parent` that the group cannot have. `cycle` is the refusal of a place under the group itself.
pub(super) fn place<E: From<Invalid> + From<GroupTooDeep>>(
    groups: &[Group],
    id: GroupId,
    parent: GroupId,
    cycle: fn() -> E,
) -> Result<(), E> {
    let policy = Policy::new(PolicyVersion::default(), []).with_groups(groups.iter().cloned());
    policy.place(id, parent).map_err(|misplaced| match misplaced {
        Misplaced::Unknown => unknown_parent().into(),
        Misplaced::Cycle => cycle(),
        Misplaced::TooDeep => GroupTooDeep.into(),
    })
}

pub(super) fn unknown_parent() -> Invalid {
    Invalid::one("/parent_id", "unknown_group", "does not exist")
}

/// Refuses a new definition of a group that has a role which does not exist, or that gives or takes a role with a
/// permission which the caller lacks: to members, or out of the group itself. A role that the group has stays, even if
/// this build does not know it.
pub(super) async fn may_become<E: From<Invalid> + From<RoleNotHeld> + From<StoreError>>(
    unit: &mut dyn IdentityTx,
    caller: Subject<'_>,
    groups: Vec<Group>,
    group: &Group,
) -> Result<(), E> {
    let present = Policy::new(PolicyVersion::default(), []).with_groups(groups.iter().cloned());
    let before = present.group(group.id).map(|group| group.roles.clone()).unwrap_or_default();
    let mut changed = present.roles_changed_by(group);
    // A role that members have from a group above, too, would otherwise stay when it is taken out there.
    changed.extend(before.symmetric_difference(&group.roles).cloned());
    // Names say which group others put accounts into. So a change needs every permission that the group gives already.
    changed.extend(present.roles_of_group(group.id).into_iter().cloned());
    let policy = definitions_with(unit, &changed, groups).await?;
    let mut invalid = Invalid::default();
    for (at, role) in group.roles.iter().enumerate() {
        if let Role::Own(name) = role
            && policy.role(name).is_none()
            && !before.contains(role)
        {
            invalid.errors.push(FieldError::new(format!("/roles/{at}"), "unknown_role", "does not exist"));
        }
    }
    invalid.finish(())?;
    Ok(all_held(caller, &changed, &policy)?)
}
