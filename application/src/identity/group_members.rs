//! Putting accounts into groups, and taking them out.

use super::{
    IdentityTx, RoleNotHeld, TooManyMemberships, UserView,
    role_fields::{POLICY, definitions},
    set_user_roles::all_held,
};
use crate::kernel::{
    Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, StoreError, Unmet, use_case_error,
};
use skep_domain::{
    access::{GroupId, Membership, Role},
    identity::{User, actions, events::UserGroupsChanged},
    shared::{Action, UserId},
};

/// Which account, and which group.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GroupMemberCommand {
    /// The group that gains or loses a member.
    pub group_id: GroupId,
    /// The account.
    pub user_id: UserId,
    /// The version that the account must still have. A member is taken out without one, too.
    pub precondition: Precondition,
}

use_case_error! {
    /// Why the account was not put into the group.
    AddGroupMemberError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        RoleNotHeld(RoleNotHeld),
        TooManyMemberships(TooManyMemberships),
    }
}

use_case_error! {
    /// Why the account was not taken out of the group.
    RemoveGroupMemberError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        RoleNotHeld(RoleNotHeld),
    }
}

/// Puts accounts into groups that give no permission which the caller lacks. A member stays one and keeps its version.
pub struct AddGroupMember;

/// Takes accounts out of groups that give no permission which the caller lacks. An account that is no member keeps its
/// version.
pub struct RemoveGroupMember;

impl Command for AddGroupMember {
    type Unit = dyn IdentityTx;
    type Input = GroupMemberCommand;
    type Plan = GroupMemberCommand;
    type Target = User;
    type Answer = UserView;
    type Error = AddGroupMemberError;

    const NAME: &'static str = "identity.add_group_member";
    const ACTION: Action = actions::MANAGE_USER;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([POLICY, input.user_id.uuid()]);
        Ok(input)
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
        may_change_members::<Self::Error>(plan, unit, &user).await?;
        let now = user.now();
        let is_changed = user.join(plan.group_id, now).map_err(|_| TooManyMemberships)?;
        stored(unit, user, is_changed).await
    }
}

impl Command for RemoveGroupMember {
    type Unit = dyn IdentityTx;
    type Input = GroupMemberCommand;
    type Plan = GroupMemberCommand;
    type Target = User;
    type Answer = UserView;
    type Error = RemoveGroupMemberError;

    const NAME: &'static str = "identity.remove_group_member";
    const ACTION: Action = actions::MANAGE_USER;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([POLICY, input.user_id.uuid()]);
        Ok(input)
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
        plan.precondition.allow(user.version)?;
        may_change_members::<Self::Error>(plan, unit, &user).await?;
        let now = user.now();
        let is_changed = user.leave(plan.group_id, now);
        stored(unit, user, is_changed).await
    }
}

/// The group exists until the unit has ended, and gives no permission that the caller lacks.
async fn may_change_members<E: From<NotFound> + From<RoleNotHeld> + From<StoreError>>(
    plan: &GroupMemberCommand,
    unit: &mut dyn IdentityTx,
    user: &Authorized<'_, User>,
) -> Result<(), E> {
    let membership = [Role::Group(Membership::of(plan.group_id))];
    let policy = definitions(unit, &membership).await?;
    if policy.group(plan.group_id).is_none() {
        return Err(NotFound("group").into());
    }
    Ok(all_held(user.caller(), &membership, &policy)?)
}

async fn stored<E: From<StoreError>>(
    unit: &mut dyn IdentityTx,
    mut user: Authorized<'_, User>,
    is_changed: bool,
) -> Result<UserView, E> {
    if is_changed {
        user.version = unit.users().save(&user).await?;
        let event = UserGroupsChanged::of(&user);
        user.record(unit.outbox(), &event, user.version, user.updated_at).await?;
    }
    Ok(UserView::from(&*user))
}
