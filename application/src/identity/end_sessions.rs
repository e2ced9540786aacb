//! Ends several sessions at once.

use super::{IdentityTx, InvalidToken};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, use_case_error};
use skep_domain::{
    identity::{User, actions, events::SessionsEnded},
    shared::{Action, SessionId, UserId},
};

/// Which sessions to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct EndSessionsCommand {
    /// Whether the session of the caller is ended, too.
    pub include_current: bool,
}

use_case_error! {
    /// Why no session was ended.
    EndSessionsError {
        Denied(Denied),
        InvalidToken(InvalidToken),
        KeyReused(KeyReused),
    }
}

/// Ends the sessions of the caller: all others, or all.
pub struct EndSessions;

impl Command for EndSessions {
    type Unit = dyn IdentityTx;
    type Input = EndSessionsCommand;
    /// The account, and the session that goes on.
    type Plan = (UserId, Option<SessionId>);
    type Target = User;
    type Answer = ();
    type Error = EndSessionsError;

    const NAME: &'static str = "identity.end_sessions";
    const ACTION: Action = actions::END_SESSION;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let (user_id, current) = call.actor.session(Self::ACTION)?;
        call.contend([user_id.uuid()]);
        Ok((user_id, Some(current).filter(|_| !input.include_current)))
    }

    async fn load(&self, (user_id, _): &Self::Plan, unit: &mut Self::Unit) -> Result<User, Self::Error> {
        Ok(unit.users().find(*user_id).await?.ok_or(InvalidToken)?)
    }

    async fn write(
        &self,
        (user_id, kept): &Self::Plan,
        unit: &mut Self::Unit,
        user: Authorized<'_, User>,
    ) -> Result<(), Self::Error> {
        let now = user.now();
        if unit.sessions().revoke_all(*user_id, *kept, now).await? > 0 {
            let event = SessionsEnded { user_id: *user_id, kept_session_id: *kept };
            user.record(unit.outbox(), &event, user.version, now).await?;
        }
        Ok(())
    }
}
