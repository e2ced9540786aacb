//! Changing a role.

use super::{
    IdentityTx, PermissionNotHeld, RoleIsBuiltIn, RoleView,
    role_fields::{self as fields, POLICY},
};
use crate::kernel::{
    Authorized, Call, Command, Denied, Invalid, KeyReused, NotFound, Precondition, Unmet, use_case_error,
};
use skep_domain::{
    access::{OwnRole, RoleName},
    identity::{actions, events::RoleChanged},
    shared::{Action, Patch},
};

/// Which role to change, from which version, and how. An absent field stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChangeRoleCommand {
    /// The role to change.
    pub name: RoleName,
    /// The version that the change is based on.
    pub precondition: Precondition,
    /// The new description, not yet checked.
    pub description: Patch<String>,
    /// The names of all permissions from now on, not yet checked.
    pub permissions: Patch<Vec<String>>,
}

use_case_error! {
    /// Why the role was not changed.
    ChangeRoleError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
        PermissionNotHeld(PermissionNotHeld),
        RoleIsBuiltIn(RoleIsBuiltIn),
    }
}

/// Changes roles. The caller must have every permission that the role has before and afterwards. A change that alters no
/// value keeps the version.
pub struct ChangeRole;

impl Command for ChangeRole {
    type Unit = dyn IdentityTx;
    type Input = ChangeRoleCommand;
    type Plan = ChangeRoleCommand;
    type Target = OwnRole;
    type Answer = RoleView;
    type Error = ChangeRoleError;

    const NAME: &'static str = "identity.change_role";
    const ACTION: Action = actions::MANAGE_ROLE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([POLICY]);
        let name = fields::own_name(input.name)?;
        Ok(ChangeRoleCommand { name, ..input })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<OwnRole, Self::Error> {
        Ok(unit.roles().find(&plan.name).await?.ok_or(NotFound("role"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut role: Authorized<'_, OwnRole>,
    ) -> Result<RoleView, Self::Error> {
        let ChangeRoleCommand { precondition, description, permissions, .. } = plan.clone();
        precondition.require(role.version)?;
        // The fields are judged now, because permissions that the role has are not judged again.
        let mut invalid = Invalid::default();
        let description = invalid.required("/description", description);
        let description = description.filter(|text| *text != role.description.as_str());
        let description = description.and_then(|text| fields::description(&mut invalid, &text));
        let permissions = invalid.required("/permissions", permissions);
        let permissions = permissions.map(|names| fields::permissions(&mut invalid, &names, &role.permissions));
        let (description, permissions) = invalid.finish((description, permissions))?;
        let (now, before) = (role.now(), role.clone());
        let description = description.unwrap_or_else(|| before.description.clone());
        let permissions = permissions.unwrap_or_else(|| before.permissions.clone());
        if role.change(description, permissions, now) {
            fields::pass_on(role.caller(), before.permissions.union(&role.permissions))?;
            role.version = unit.roles().save(&role).await?;
            let event = RoleChanged::of(&role);
            role.record(unit.outbox(), &event, role.version, role.updated_at).await?;
        }
        Ok(RoleView::from(&*role))
    }
}
