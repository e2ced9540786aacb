//! Ends the sessions of any account.

use super::{IdentityTx, StrongerAccount, stronger_account::not_above_the_caller};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, use_case_error};
use skep_domain::{
    identity::{User, actions, events::SessionsEnded},
    shared::{Action, UserId},
};

/// Which account to log out everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct EndUserSessionsCommand {
    /// The account.
    pub user_id: UserId,
}

use_case_error! {
    /// Why no session was ended.
    EndUserSessionsError {
        Denied(Denied),
        NotFound(NotFound),
        KeyReused(KeyReused),
        StrongerAccount(StrongerAccount),
    }
}

/// Ends every session of an account, also the one that the caller uses.
pub struct EndUserSessions;

impl Command for EndUserSessions {
    type Unit = dyn IdentityTx;
    type Input = EndUserSessionsCommand;
    type Plan = EndUserSessionsCommand;
    type Target = User;
    type Answer = ();
    type Error = EndUserSessionsError;

    const NAME: &'static str = "identity.end_user_sessions";
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
        _: &Self::Plan,
        unit: &mut Self::Unit,
        user: Authorized<'_, User>,
    ) -> Result<(), Self::Error> {
        not_above_the_caller::<Self::Error>(unit, &user).await?;
        let now = user.now();
        if unit.sessions().revoke_all(user.id, None, now).await? > 0 {
            let event = SessionsEnded { user_id: user.id, kept_session_id: None };
            user.record(unit.outbox(), &event, user.version, now).await?;
        }
        Ok(())
    }
}
