//! Starts sessions, for the login and for the change of a password.

use super::{AccessClaims, AccessTokens, IdentityTx, SessionPolicy};
use crate::kernel::{Actor, Runtime, StoreError};
use skep_domain::{
    identity::{Device, Session, SessionOrigin, User},
    shared::{Network, SessionId, UserId},
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// The most sessions that one login ends. It ends more than one only if the limit was lowered, or if the user has
/// logged in several times at once.
const ENDED_AT_ONCE: u32 = 1_000;

/// The access token for a user that has logged in.
#[derive(Clone, PartialEq, Eq)]
pub struct LogInAnswer {
    /// The access token, signed.
    pub access_token: String,
    /// How long the token is valid.
    pub expires_in: Duration,
}

impl std::fmt::Debug for LogInAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogInAnswer").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Starts sessions and issues their tokens.
#[derive(Clone)]
pub(super) struct NewSessions {
    tokens: Arc<dyn AccessTokens>,
    policy: SessionPolicy,
    runtime: Runtime,
}

/// A session that is ready to be stored.
pub(super) struct NewSession {
    pub(super) session: Session,
    token_id: Uuid,
}

impl NewSessions {
    pub(super) fn new(tokens: Arc<dyn AccessTokens>, policy: SessionPolicy, runtime: Runtime) -> Self {
        Self { tokens, policy, runtime }
    }

    /// Makes the ids and times of a session that starts now.
    pub(super) fn prepare(&self, actor: &Actor, user_id: UserId, device: Option<Device>) -> NewSession {
        let (now, ids) = (self.runtime.clock.now(), &self.runtime.ids);
        let network = Some(actor.network).filter(|network| *network != Network::default());
        let id = SessionId::new(ids.next());
        let session = Session {
            origin: SessionOrigin { device, network },
            ..Session::start(id, user_id, now, millis(self.policy.session_lifetime))
        };
        NewSession { session, token_id: ids.next() }
    }

    /// Stores the session in the present epoch of its user, and ends the oldest ones if there would be too many.
    pub(super) async fn store(&self, tx: &mut dyn IdentityTx, new: &NewSession, user: &User) -> Result<(), StoreError> {
        // Before the insert, so that the new session stays even if the clock of another instance is ahead.
        let others = self.policy.sessions_per_user.saturating_sub(1);
        tx.sessions().keep_newest(user.id, others, ENDED_AT_ONCE).await?;
        tx.sessions().insert(&Session { auth_epoch: user.auth_epoch, ..new.session.clone() }).await
    }

    /// Issues the token of the stored session. It is not valid for longer than the session.
    pub(super) fn answer(&self, new: &NewSession) -> Result<LogInAnswer, StoreError> {
        let Session { id: session_id, user_id, created_at: issued_at, expires_at, .. } = new.session;
        let expires_at = issued_at.plus_millis(millis(self.policy.token_lifetime)).min(expires_at);
        let claims = AccessClaims { user_id, session_id, token_id: new.token_id, issued_at, expires_at };
        let access_token = self.tokens.issue(&claims).map_err(StoreError::unreadable)?;
        let lasts = expires_at.as_millis().saturating_sub(issued_at.as_millis());
        Ok(LogInAnswer { access_token, expires_in: Duration::from_millis(u64::try_from(lasts).unwrap_or_default()) })
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
