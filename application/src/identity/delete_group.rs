//! Deleting a group.

use super::{
    GroupInUse, IdentityTx, RoleNotHeld,
    role_fields::{POLICY, definitions_with},
    set_user_roles::all_held,
};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, use_case_error};
use skep_domain::{
    access::{Group, GroupId, Membership, Role},
    identity::{actions, events::GroupDeleted},
    shared::Action,
};

/// Which group to delete.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeleteGroupCommand {
    /// The group to delete.
    pub group_id: GroupId,
    /// The version that the group must still have, if the caller names one.
    pub precondition: Precondition,
}

use_case_error! {
    /// Why the group was not deleted.
    DeleteGroupError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        RoleNotHeld(RoleNotHeld),
        GroupInUse(GroupInUse),
    }
}

/// Deletes groups without members and without groups under them, so that a deletion takes no role from any account.
pub struct DeleteGroup;

impl Command for DeleteGroup {
    type Unit = dyn IdentityTx;
    type Input = DeleteGroupCommand;
    type Plan = DeleteGroupCommand;
    type Target = Group;
    type Answer = ();
    type Error = DeleteGroupError;

    const NAME: &'static str = "identity.delete_group";
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
        group: Authorized<'_, Group>,
    ) -> Result<(), Self::Error> {
        plan.precondition.allow(group.version)?;
        let groups = unit.groups().hold().await?;
        let under = groups.iter().filter(|other| other.parent_id == Some(group.id)).count() as u64;
        let membership = Role::Group(Membership::of(group.id));
        let policy = definitions_with(unit, std::slice::from_ref(&membership), groups).await?;
        all_held(group.caller(), std::slice::from_ref(&membership), &policy)?;
        unit.groups().delete(&group).await?;
        // Counted after the groups are held: from there on, no unit puts an account into the group.
        let accounts = unit.users().count_with_role(membership).await?;
        if accounts + under > 0 {
            return Err(GroupInUse { accounts, groups: under }.into());
        }
        let event = GroupDeleted { group_id: group.id };
        Ok(group.record(unit.outbox(), &event, group.version.next(), group.now()).await?)
    }
}
