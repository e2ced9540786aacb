//! Logs the caller out.

use super::{IdentityTx, InvalidToken};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, use_case_error};
use skep_domain::{
    identity::{actions, events::SessionEnded},
    shared::{Action, SessionId, UserId, Version},
};

use_case_error! {
    /// Why the session was not ended.
    LogOutError {
        Denied(Denied),
        InvalidToken(InvalidToken),
        KeyReused(KeyReused),
    }
}

/// Ends the session of the caller. If several calls do so at the same time, one succeeds, and the token of the others
/// is no longer valid.
pub struct LogOut;

impl Command for LogOut {
    type Unit = dyn IdentityTx;
    type Input = ();
    type Plan = (UserId, SessionId);
    type Target = UserId;
    type Answer = ();
    type Error = LogOutError;

    const NAME: &'static str = "identity.log_out";
    const ACTION: Action = actions::END_SESSION;

    async fn plan(&self, call: &mut Call<'_>, (): ()) -> Result<Self::Plan, Self::Error> {
        let session = call.actor.session(Self::ACTION)?;
        call.contend([session.1.uuid()]);
        Ok(session)
    }

    /// The token has proved that the session belongs to the account.
    async fn load(&self, (user_id, _): &Self::Plan, _: &mut Self::Unit) -> Result<UserId, Self::Error> {
        Ok(*user_id)
    }

    async fn write(
        &self,
        (user_id, session_id): &Self::Plan,
        unit: &mut Self::Unit,
        owner: Authorized<'_, UserId>,
    ) -> Result<(), Self::Error> {
        let now = owner.now();
        if !unit.sessions().revoke(*session_id, now).await? {
            return Err(InvalidToken.into());
        }
        let event = SessionEnded { user_id: *user_id, session_id: *session_id };
        Ok(owner.record(unit.outbox(), &event, Version::FIRST.next(), now).await?)
    }
}
