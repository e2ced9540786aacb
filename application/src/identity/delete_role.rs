//! Deleting a role.

use super::{
    IdentityTx, PermissionNotHeld, RoleInGroups, RoleInUse, RoleIsBuiltIn,
    role_fields::{self as fields, POLICY},
};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, use_case_error};
use skep_domain::{
    access::{OwnRole, Role, RoleName},
    identity::{actions, events::RoleDeleted},
    shared::Action,
};

/// Which role to delete.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeleteRoleCommand {
    /// The role to delete.
    pub name: RoleName,
    /// The version that the role must still have, if the caller names one.
    pub precondition: Precondition,
}

use_case_error! {
    /// Why the role was not deleted.
    DeleteRoleError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        PermissionNotHeld(PermissionNotHeld),
        RoleIsBuiltIn(RoleIsBuiltIn),
        RoleInUse(RoleInUse),
        RoleInGroups(RoleInGroups),
    }
}

/// Deletes roles that no account and no group has. A role that accounts have stays: if it were taken from them, or if they kept its
/// name, a later role of the same name would be another one.
pub struct DeleteRole;

impl Command for DeleteRole {
    type Unit = dyn IdentityTx;
    type Input = DeleteRoleCommand;
    type Plan = DeleteRoleCommand;
    type Target = OwnRole;
    type Answer = ();
    type Error = DeleteRoleError;

    const NAME: &'static str = "identity.delete_role";
    const ACTION: Action = actions::MANAGE_ROLE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([POLICY]);
        let name = fields::own_name(input.name)?;
        Ok(DeleteRoleCommand { name, ..input })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<OwnRole, Self::Error> {
        Ok(unit.roles().find(&plan.name).await?.ok_or(NotFound("role"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        role: Authorized<'_, OwnRole>,
    ) -> Result<(), Self::Error> {
        plan.precondition.allow(role.version)?;
        fields::pass_on(role.caller(), &role.permissions)?;
        unit.roles().delete(&role).await?;
        // Counted afterwards: from here on, no unit gives the role to an account or a group.
        let accounts = unit.users().count_with_role(Role::Own(role.name.clone())).await?;
        if accounts > 0 {
            return Err(RoleInUse { accounts }.into());
        }
        let groups = unit.groups().hold().await?;
        let groups = groups.iter().filter(|group| group.roles.contains(&Role::Own(role.name.clone()))).count() as u64;
        if groups > 0 {
            return Err(RoleInGroups { groups }.into());
        }
        let event = RoleDeleted::of(&role);
        Ok(role.record(unit.outbox(), &event, role.version.next(), role.now()).await?)
    }
}
