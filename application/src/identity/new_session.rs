//! Starts sessions, for the login and for the change of a password.

use super::{
    IdentityTx, LogInAnswer, SessionPolicy, SessionTokens,
    session_tokens::{Grant, millis},
};
use crate::kernel::{Actor, Runtime, StoreError};
use skep_domain::{
    identity::{Device, RefreshChain, Session, SessionOrigin, User},
    shared::{Network, SessionId, UserId},
};
use uuid::Uuid;

/// The most sessions that one login ends. It ends more than one only if the limit was lowered, or if the user has
/// logged in several times at once.
const ENDED_AT_ONCE: u32 = 1_000;

/// Starts sessions and issues their tokens.
#[derive(Clone)]
pub(super) struct NewSessions {
    tokens: SessionTokens,
    policy: SessionPolicy,
    runtime: Runtime,
}

/// A session that is ready to be stored.
pub(super) struct NewSession {
    pub(super) session: Session,
    token_id: Uuid,
    refresh_token: String,
}

impl NewSessions {
    pub(super) fn new(tokens: SessionTokens, policy: SessionPolicy, runtime: Runtime) -> Self {
        Self { tokens, policy, runtime }
    }

    /// Makes the ids, times and the first refresh token of a session that starts now.
    pub(super) fn prepare(&self, actor: &Actor, user_id: UserId, device: Option<Device>) -> NewSession {
        let (now, ids) = (self.runtime.clock.now(), &self.runtime.ids);
        let id = SessionId::new(ids.next());
        let refresh_token = self.tokens.refresh.first(id);
        let lifetime = self.policy.session_idle.min(self.policy.session_lifetime);
        let session = Session {
            origin: origin(actor, device),
            refresh: Some(RefreshChain { current: refresh_token.hash, used: None }),
            ..Session::start(id, user_id, now, millis(lifetime))
        };
        NewSession { session, token_id: ids.next(), refresh_token: refresh_token.text }
    }

    /// Stores the session in the present epoch of its user, and ends the oldest ones if there would be too many.
    pub(super) async fn store(&self, tx: &mut dyn IdentityTx, new: &NewSession, user: &User) -> Result<(), StoreError> {
        // Before the insert, so that the new session stays even if the clock of another instance is ahead.
        let others = self.policy.sessions_per_user.saturating_sub(1);
        tx.sessions().keep_newest(user.id, others, ENDED_AT_ONCE).await?;
        tx.sessions().insert(&Session { auth_epoch: user.auth_epoch, ..new.session.clone() }).await
    }

    /// Issues the tokens of the stored session.
    pub(super) fn answer(&self, new: &NewSession) -> Result<LogInAnswer, StoreError> {
        let Session { id: session_id, user_id, created_at: now, expires_at: session_ends_at, .. } = new.session;
        let (token_id, refresh_token) = (new.token_id, new.refresh_token.clone());
        let grant = Grant { user_id, session_id, token_id, now, session_ends_at, refresh_token };
        self.tokens.issue(grant, self.policy.token_lifetime)
    }
}

/// Where the actor calls from, as far as it is known.
pub(super) fn origin(actor: &Actor, device: Option<Device>) -> SessionOrigin {
    SessionOrigin { device, network: Some(actor.network).filter(|network| *network != Network::default()) }
}
