//! Creating a role.

use super::{
    IdentityTx, PermissionNotHeld, RoleNameTaken, RolePolicy, RoleView, TooManyRoles,
    constraints::ROLE_NAME,
    role_fields::{self as fields, POLICY},
};
use crate::kernel::{Authorized, Call, Command, Denied, Invalid, KeyReused, use_case_error};
use skep_domain::{
    access::{OwnRole, RoleId, RoleName},
    identity::{actions, events::RoleCreated},
    shared::Action,
};
use std::collections::BTreeSet;

/// A role to create, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CreateRoleCommand {
    /// The name of the role.
    pub name: String,
    /// What the role is for.
    pub description: String,
    /// The names of its permissions.
    pub permissions: Vec<String>,
}

use_case_error! {
    /// Why no role was created.
    CreateRoleError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        PermissionNotHeld(PermissionNotHeld),
        RoleNameTaken(RoleNameTaken),
        TooManyRoles(TooManyRoles),
    }
}

/// Creates roles, with permissions that the caller has.
pub struct CreateRole {
    policy: RolePolicy,
}

impl CreateRole {
    /// Creates as many roles as the policy allows.
    #[must_use]
    pub const fn new(policy: RolePolicy) -> Self {
        Self { policy }
    }
}

impl Command for CreateRole {
    type Unit = dyn IdentityTx;
    type Input = CreateRoleCommand;
    type Plan = OwnRole;
    type Target = ();
    type Answer = RoleView;
    type Error = CreateRoleError;

    const NAME: &'static str = "identity.create_role";
    const ACTION: Action = actions::MANAGE_ROLE;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([POLICY]);
        let mut invalid = Invalid::default();
        let name = invalid.check("/name", "invalid_value", RoleName::parse(&input.name));
        let description = fields::description(&mut invalid, &input.description);
        let permissions = fields::permissions(&mut invalid, &input.permissions, &BTreeSet::new());
        let (Some(name), Some(description)) = invalid.finish((name, description))? else {
            unreachable!("a value that is missing was recorded as invalid")
        };
        fields::pass_on(call.actor.subject(), &permissions)?;
        let name = fields::own_name(name).map_err(|_| RoleNameTaken)?;
        Ok(OwnRole::create(RoleId::new(call.new_id()), name, description, permissions, call.now))
    }

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn write(
        &self,
        role: &Self::Plan,
        unit: &mut Self::Unit,
        authorized: Authorized<'_, ()>,
    ) -> Result<RoleView, Self::Error> {
        let inserted = unit.roles().insert(role).await;
        inserted.map_err(ROLE_NAME.refused::<Self::Error>(RoleNameTaken))?;
        // Counted afterwards, because units that insert roles follow one another from the insert on.
        if unit.roles().count().await? > self.policy.most.into() {
            return Err(TooManyRoles.into());
        }
        authorized.record(unit.outbox(), &RoleCreated::of(role), role.version, role.created_at).await?;
        Ok(role.into())
    }
}
