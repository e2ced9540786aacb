//! Disabling an account.

use super::{
    IdentityTx, LastAdmin, StrongerAccount, UserView, last_admin::keep_an_admin, stronger_account::not_above_the_caller,
};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, use_case_error};
use skep_domain::{
    identity::{User, actions, events::UserDisabled},
    shared::{Action, UserId},
};

/// Which account to disable or to enable.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct UserCommand {
    /// The account.
    pub user_id: UserId,
    /// The version that the account must still have, if the caller names one.
    pub precondition: Precondition,
}

use_case_error! {
    /// Why the account was not disabled.
    DisableUserError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        StrongerAccount(StrongerAccount),
        LastAdmin(LastAdmin),
    }
}

/// Disables an account and ends its sessions. An account that is disabled already keeps its version.
pub struct DisableUser;

impl Command for DisableUser {
    type Unit = dyn IdentityTx;
    type Input = UserCommand;
    type Plan = UserCommand;
    type Target = User;
    type Answer = UserView;
    type Error = DisableUserError;

    const NAME: &'static str = "identity.disable_user";
    const ACTION: Action = actions::MANAGE_USER;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.user_id.uuid()]);
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
        not_above_the_caller::<Self::Error>(unit, &user).await?;
        plan.precondition.allow(user.version)?;
        let (before, now) = (user.clone(), user.now());
        if user.disable(now) {
            keep_an_admin::<Self::Error>(unit, &before, &user).await?;
            user.version = unit.users().save(&user).await?;
            // The new epoch has ended them already. This shows it in the rows, so that they are swept.
            unit.sessions().revoke_all(user.id, None, now).await?;
            let event = UserDisabled { user_id: user.id };
            user.record(unit.outbox(), &event, user.version, user.updated_at).await?;
        }
        Ok(UserView::from(&*user))
    }
}
