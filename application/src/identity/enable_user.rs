//! Enabling an account that was disabled or deleted.

use super::{IdentityTx, StrongerAccount, UserCommand, UserView, stronger_account::not_above_the_caller};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Unmet, refusal, use_case_error};
use skep_domain::{
    identity::{User, actions, events::UserEnabled},
    shared::Action,
};

refusal! {
    /// The grace of the deleted account is over. Its data is being erased, so the deletion cannot be taken back.
    ErasureDue = Conflict, "erasure_due";
}

use_case_error! {
    /// Why the account was not enabled.
    EnableUserError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        StrongerAccount(StrongerAccount),
        ErasureDue(ErasureDue),
    }
}

/// Enables an account, and takes its deletion back. Its earlier sessions stay ended. An account that is active already keeps
/// its version.
pub struct EnableUser;

impl Command for EnableUser {
    type Unit = dyn IdentityTx;
    type Input = UserCommand;
    type Plan = UserCommand;
    type Target = User;
    type Answer = UserView;
    type Error = EnableUserError;

    const NAME: &'static str = "identity.enable_user";
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
        let now = user.now();
        if user.is_erasure_due(now) {
            return Err(ErasureDue.into());
        }
        if user.enable(now) {
            user.version = unit.users().save(&user).await?;
            let event = UserEnabled { user_id: user.id };
            user.record(unit.outbox(), &event, user.version, user.updated_at).await?;
        }
        Ok(UserView::from(&*user))
    }
}
