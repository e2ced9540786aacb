//! Changing a group, and moving it under another one.

use super::{
    GroupCycle, GroupNameTaken, GroupTooDeep, GroupView, IdentityTx, RoleNotHeld,
    constraints::GROUP_NAME,
    group_fields::{self as fields, may_become, place},
    role_fields::POLICY,
};
use crate::kernel::{
    Authorized, Call, Command, Denied, Invalid, KeyReused, NotFound, Precondition, Unmet, use_case_error,
};
use skep_domain::{
    access::{Group, GroupFields, GroupId},
    identity::{actions, events::GroupChanged},
    shared::{Action, Patch},
};

/// Which group to change, from which version, and how. An absent field stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChangeGroupCommand {
    /// The group to change.
    pub group_id: GroupId,
    /// The version that the change is based on.
    pub precondition: Precondition,
    /// The new name, not yet checked.
    pub name: Patch<String>,
    /// The new description, not yet checked.
    pub description: Patch<String>,
    /// The names of all roles from now on, not yet checked.
    pub roles: Patch<Vec<String>>,
    /// The group that it is under from now on. If it is cleared, the group is at the top.
    pub parent_id: Patch<GroupId>,
}

use_case_error! {
    /// Why the group was not changed.
    ChangeGroupError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
        RoleNotHeld(RoleNotHeld),
        GroupNameTaken(GroupNameTaken),
        GroupCycle(GroupCycle),
        GroupTooDeep(GroupTooDeep),
    }
}

/// Changes groups. The caller must have every permission that members get or lose. A change that alters no value keeps the
/// version.
pub struct ChangeGroup;

impl Command for ChangeGroup {
    type Unit = dyn IdentityTx;
    type Input = ChangeGroupCommand;
    type Plan = ChangeGroupCommand;
    type Target = Group;
    type Answer = GroupView;
    type Error = ChangeGroupError;

    const NAME: &'static str = "identity.change_group";
    const ACTION: Action = actions::MANAGE_ROLE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([POLICY]);
        Ok(input)
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Group, Self::Error> {
        Ok(unit.groups().find(plan.group_id).await?.ok_or(NotFound("group"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut group: Authorized<'_, Group>,
    ) -> Result<GroupView, Self::Error> {
        plan.precondition.require(group.version)?;
        let groups = unit.groups().hold().await?;
        let changed = new_fields(plan, &group)?;
        if let Some(parent) = changed.parent_id.filter(|_| changed.parent_id != group.parent_id) {
            place::<Self::Error>(&groups, group.id, parent, || GroupCycle.into())?;
        }
        let now = group.now();
        if group.change(changed, now) {
            may_become::<Self::Error>(unit, group.caller(), groups.clone(), &group).await?;
            let saved = unit.groups().save(&group).await;
            group.version = saved.map_err(GROUP_NAME.refused::<Self::Error>(GroupNameTaken))?;
            let event = GroupChanged::of(&group);
            group.record(unit.outbox(), &event, group.version, group.updated_at).await?;
        }
        Ok(GroupView::among(&group, groups))
    }
}

/// Values that the group has are not judged again.
fn new_fields(plan: &ChangeGroupCommand, group: &Group) -> Result<GroupFields, Invalid> {
    let ChangeGroupCommand { name, description, roles, parent_id, .. } = plan.clone();
    let mut invalid = Invalid::default();
    let name = invalid.required("/name", name).filter(|text| *text != group.name.as_str());
    let name = name.and_then(|text| fields::name(&mut invalid, &text));
    let description = invalid.required("/description", description);
    let description = description.filter(|text| *text != group.description.as_str());
    let description = description.and_then(|text| fields::description(&mut invalid, &text));
    let roles = invalid.required("/roles", roles).map(|names| fields::roles(&mut invalid, &names, &group.roles));
    let parent_id = match parent_id {
        Patch::Keep => group.parent_id,
        Patch::Clear => None,
        Patch::Set(parent) => Some(parent),
    };
    let before = group.fields();
    invalid.finish(GroupFields {
        name: name.unwrap_or(before.name),
        description: description.unwrap_or(before.description),
        roles: roles.unwrap_or(before.roles),
        parent_id,
    })
}
