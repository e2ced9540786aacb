//! Ends one session.

use super::IdentityTx;
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, use_case_error};
use skep_domain::{
    identity::{Session, actions, events::SessionEnded},
    shared::{Action, SessionId, Timestamp, Version},
};

/// Which session to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct EndSessionCommand {
    /// The session to end.
    pub session_id: SessionId,
}

use_case_error! {
    /// Why the session was not ended.
    EndSessionError {
        Denied(Denied),
        NotFound(NotFound),
        KeyReused(KeyReused),
    }
}

/// Ends a session of the caller. A session of another user, and one that has ended already, counts as not found.
pub struct EndSession;

impl Command for EndSession {
    type Unit = dyn IdentityTx;
    type Input = EndSessionCommand;
    type Plan = (SessionId, Timestamp);
    type Target = Session;
    type Answer = ();
    type Error = EndSessionError;

    const NAME: &'static str = "identity.end_session";
    const ACTION: Action = actions::END_SESSION;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.session_id.uuid()]);
        Ok((input.session_id, call.now))
    }

    async fn load(&self, (id, now): &Self::Plan, unit: &mut Self::Unit) -> Result<Session, Self::Error> {
        let session = unit.sessions().find(*id).await?.filter(|session| *now < session.expires_at);
        Ok(session.ok_or(NotFound("session"))?)
    }

    async fn write(
        &self,
        (_, now): &Self::Plan,
        unit: &mut Self::Unit,
        session: Authorized<'_, Session>,
    ) -> Result<(), Self::Error> {
        if !unit.sessions().revoke(session.id, *now).await? {
            return Err(NotFound("session").into());
        }
        let event = SessionEnded { user_id: session.user_id, session_id: session.id };
        Ok(session.record(unit.outbox(), &event, Version::FIRST.next(), *now).await?)
    }

    fn hidden(_: Denied) -> Self::Error {
        NotFound("session").into()
    }
}
