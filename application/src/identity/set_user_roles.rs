//! Giving roles to an account, and taking them away.

use super::{IdentityTx, LastAdmin, UserView, last_admin::keep_an_admin, role_fields::definitions};
use crate::kernel::{
    Authorized, Call, Command, Denied, FieldError, Invalid, KeyReused, NotFound, Precondition, Unmet, refusal,
    use_case_error,
};
use skep_domain::{
    access::{Policy, Role, Subject, not_grantable},
    identity::{User, actions, events::UserRolesChanged},
    shared::{Action, UserId},
};

/// Which account gets which roles, and from which version.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SetUserRolesCommand {
    /// The account.
    pub user_id: UserId,
    /// The version that the change is based on.
    pub precondition: Precondition,
    /// The names of all roles from now on, not yet checked. The role `user` may be left out; every account has it.
    pub roles: Vec<String>,
}

/// The most roles in a command, repetitions included.
const MOST: usize = 20;

refusal! {
    /// An account can give and take only roles whose every permission it has itself.
    RoleNotHeld {
        /// The first role or group that the caller can neither give nor take, such as `role shop`.
        pub of: String,
    } = Denied, "role_not_held", "the {of} has a permission that the account does not have itself";
}

/// Refuses if the caller can neither give nor take one of these roles.
pub(super) fn all_held(caller: Subject<'_>, changed: &[Role], policy: &Policy) -> Result<(), RoleNotHeld> {
    match not_grantable(caller, changed, policy) {
        None => Ok(()),
        Some(Role::Group(membership)) => Err(RoleNotHeld { of: format!("group {}", membership.group()) }),
        Some(role) => Err(RoleNotHeld { of: format!("role {}", role.name()) }),
    }
}

use_case_error! {
    /// Why the roles were not changed.
    SetUserRolesError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
        RoleNotHeld(RoleNotHeld),
        LastAdmin(LastAdmin),
    }
}

/// Replaces the roles of an account itself; its groups stay. Its sessions go on, and the next request is judged with the new roles. The same
/// roles keep the version.
pub struct SetUserRoles;

/// A checked change of roles.
pub struct RoleChange {
    user_id: UserId,
    precondition: Precondition,
    /// `write` reports invalid names only after it has compared the version of the account.
    roles: Result<Vec<Role>, Invalid>,
}

impl Command for SetUserRoles {
    type Unit = dyn IdentityTx;
    type Input = SetUserRolesCommand;
    type Plan = RoleChange;
    type Target = User;
    type Answer = UserView;
    type Error = SetUserRolesError;

    const NAME: &'static str = "identity.set_user_roles";
    const ACTION: Action = actions::MANAGE_USER;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let SetUserRolesCommand { user_id, precondition, roles } = input;
        call.contend([user_id.uuid()]);
        Ok(RoleChange { user_id, precondition, roles: checked(&roles) })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<User, Self::Error> {
        Ok(unit.users().find(plan.user_id).await?.ok_or(NotFound("user"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut user: Authorized<'_, User>,
    ) -> Result<UserView, Self::Error> {
        plan.precondition.require(user.version)?;
        let roles = plan.roles.clone()?;
        let (before, now) = (user.clone(), user.now());
        let changed = user.set_roles(&roles, now);
        let policy = definitions(unit, &changed).await?;
        all_defined(&roles, &before.roles, &policy)?;
        all_held(user.caller(), &changed, &policy)?;
        if !changed.is_empty() {
            keep_an_admin::<Self::Error>(unit, &before, &user).await?;
            user.version = unit.users().save(&user).await?;
            let event = UserRolesChanged { user_id: user.id, roles: user.own_roles().cloned().collect() };
            user.record(unit.outbox(), &event, user.version, user.updated_at).await?;
        }
        Ok(UserView::from(&*user))
    }
}

/// Refuses roles that are given and that are not defined. A role that the account has stays, even if this build does not
/// know it.
pub(super) fn all_defined(roles: &[Role], before: &[Role], policy: &Policy) -> Result<(), Invalid> {
    let mut invalid = Invalid::default();
    for (at, role) in roles.iter().enumerate() {
        if let Role::Own(name) = role
            && policy.role(name).is_none()
            && !before.contains(role)
        {
            invalid.errors.push(FieldError::new(format!("/roles/{at}"), "unknown_role", "does not exist"));
        }
    }
    invalid.finish(())
}

/// Reads the names of roles.
pub(super) fn checked(names: &[String]) -> Result<Vec<Role>, Invalid> {
    if names.len() > MOST {
        return Err(Invalid::one("/roles", "too_many", format!("must have at most {MOST} items")));
    }
    let mut invalid = Invalid::default();
    let role =
        |(at, name): (usize, &String)| invalid.check(&format!("/roles/{at}"), "invalid_value", name.parse::<Role>());
    let roles: Vec<_> = names.iter().enumerate().filter_map(role).collect();
    invalid.finish(roles)
}
