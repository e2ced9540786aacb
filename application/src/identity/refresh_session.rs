//! Refreshes a session: a new access token for a refresh token.

use super::{
    ExtraClaims, IdentityTx, LogInAnswer, SessionPolicy, SessionTokens,
    login_attempts::{LoginAttempts, Taken},
    new_session::origin,
    refresh_tokens::RefreshToken,
    session_tokens::Grant,
};
use crate::kernel::{
    Actor, Attempt, Begin, Key, OutboxEvent, Runtime, StoreError, TooManyAttempts, TxMode, refusal, run, use_case_error,
};
use skep_domain::{
    identity::{Device, RefreshDecision, Rotation, Session, SessionKind, events::RefreshTokenReused},
    shared::{EventId, Timestamp, UserId, Version},
};
use std::sync::Arc;
use uuid::Uuid;

/// The input of a refresh, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshSessionCommand {
    /// The refresh token of the last answer.
    pub refresh_token: String,
    /// The program that the user calls with, for the list of sessions.
    pub device: Option<Device>,
}

impl std::fmt::Debug for RefreshSessionCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshSessionCommand").finish_non_exhaustive()
    }
}

refusal! {
    /// The refresh token is unknown or was used before, or its session has ended; log in again.
    InvalidRefreshToken {
        /// Whether the token was used before, so that this call has ended the session. Callers must not learn it.
        pub was_reused: bool,
    } = Unauthenticated, "invalid_refresh_token", "the refresh token is not valid; log in again";
}

use_case_error! {
    /// The reason why no session was refreshed.
    RefreshSessionError {
        InvalidRefreshToken(InvalidRefreshToken),
        TooManyAttempts(TooManyAttempts),
    }
}

/// Why a token is refused, other than that it was used before.
const UNKNOWN: InvalidRefreshToken = InvalidRefreshToken { was_reused: false };

/// Refreshes a session: replaces its refresh token and issues an access token.
pub struct RefreshSession {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    tokens: SessionTokens,
    attempts: LoginAttempts,
    policy: SessionPolicy,
    runtime: Runtime,
}

/// A refresh that is ready to be stored.
struct Refresh {
    token: RefreshToken,
    successor: RefreshToken,
    device: Option<Device>,
    now: Timestamp,
    event_id: EventId,
}

/// What a unit of work has made of a token.
enum Outcome {
    /// The session goes on until then.
    Refreshed(UserId, Timestamp),
    /// The token was used before, and the session was ended.
    Reused,
}

impl RefreshSession {
    /// Makes the use case. `attempts` counts wrong tokens.
    pub(super) fn new(
        store: Arc<dyn Begin<dyn IdentityTx>>,
        tokens: SessionTokens,
        attempts: LoginAttempts,
        policy: SessionPolicy,
        runtime: Runtime,
    ) -> Self {
        Self { store, tokens, attempts, policy, runtime }
    }

    /// Replaces the refresh token and issues an access token. The session lasts on, up to its absolute limit.
    ///
    /// A token can be used once. Within ten seconds, and until the successor is used, it gives the same successor again,
    /// so that parallel calls and lost answers end no session. After that, using it again ends the session.
    ///
    /// A text that is no token of the deployment is a guess, and counts for its network. A token that is refused counts
    /// for its session. So no client can use up the attempts of others.
    ///
    /// # Errors
    /// [`RefreshSessionError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        command: RefreshSessionCommand,
    ) -> Result<LogInAnswer, RefreshSessionError> {
        let (mut taken, limit) = (Taken::default(), self.policy.refresh_attempts);
        let Some(token) = self.tokens.refresh.read(&command.refresh_token) else {
            for (network, limit) in self.policy.networks.limits(actor.network, limit) {
                self.attempts.take(format!("refresh:network:{network}"), limit, &mut taken).await?;
            }
            return Err(UNKNOWN.into());
        };
        let name = format!("refresh:session:{}", token.session_id.uuid().simple());
        self.attempts.take(name, limit, &mut taken).await?;
        let refreshed = self.refresh(actor, token, command.device).await;
        if !matches!(refreshed, Err(RefreshSessionError::InvalidRefreshToken(_))) {
            self.attempts.give_back(taken).await;
        }
        refreshed
    }

    async fn refresh(
        &self,
        actor: &Actor,
        token: RefreshToken,
        device: Option<Device>,
    ) -> Result<LogInAnswer, RefreshSessionError> {
        let extra = self.extra(&token).await?;
        let (now, ids) = (self.runtime.clock.now(), &self.runtime.ids);
        let successor = self.tokens.refresh.successor(&token);
        let (token_id, event_id) = (ids.next(), EventId::new(ids.next()));
        let refresh = &Refresh { token, successor, device, now, event_id };
        let session_id = refresh.token.session_id;
        let outcome: Outcome = run(&self.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[Key(session_id.uuid())]).await?;
            let result = self.store(&mut *tx, actor, refresh, &attempt).await;
            attempt.end(tx, result).await
        })
        .await?;
        match outcome {
            Outcome::Refreshed(user_id, session_ends_at) => {
                Ok(self.answer(refresh, (token_id, extra), user_id, session_ends_at)?)
            }
            Outcome::Reused => Err(InvalidRefreshToken { was_reused: true }.into()),
        }
    }

    /// The claims that the program adds. They are asked for before the token is used, so that a failure costs the caller
    /// nothing. Whether the session holds is judged after that.
    async fn extra(&self, token: &RefreshToken) -> Result<ExtraClaims, StoreError> {
        if !self.tokens.has_extra() {
            return Ok(ExtraClaims::default());
        }
        let mut tx = self.store.begin(TxMode::Read, &[]).await?;
        let session = tx.sessions().find(token.session_id).await?;
        tx.rollback().await?;
        let Some(session) = session else { return Ok(ExtraClaims::default()) };
        self.tokens.extra(&self.runtime, session.user_id, session.id).await
    }

    fn answer(
        &self,
        refresh: &Refresh,
        (token_id, extra): (Uuid, ExtraClaims),
        user_id: UserId,
        session_ends_at: Timestamp,
    ) -> Result<LogInAnswer, StoreError> {
        let Refresh { token, successor, now, .. } = refresh;
        let (session_id, refresh_token) = (token.session_id, successor.text.clone());
        let grant = Grant { user_id, session_id, token_id, now: *now, session_ends_at, refresh_token, extra };
        self.tokens.issue(grant, self.policy.token_lifetime)
    }

    /// Decides on the token, and stores what follows.
    ///
    /// After an unknown outcome, a rotation that was stored is found as one: the same successor is given again.
    async fn store(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        refresh: &Refresh,
        attempt: &Attempt,
    ) -> Result<Outcome, RefreshSessionError> {
        if attempt.after_unknown && tx.outbox().settle(refresh.event_id).await? {
            return Ok(Outcome::Reused);
        }
        let Refresh { token, successor, now, .. } = refresh;
        let session = tx.sessions().find(token.session_id).await?.ok_or(UNKNOWN)?;
        let user = tx.users().find(session.user_id).await?.ok_or(UNKNOWN)?;
        match session.refresh(token.hash, *now, user.auth_epoch, self.policy.limits(SessionKind::Token)) {
            RefreshDecision::Rotate { expires_at } => {
                let (presented, successor, at) = (token.hash, successor.hash, *now);
                let origin = origin(actor, refresh.device.clone());
                let rotation = Rotation { presented, successor, at, expires_at, origin };
                if !tx.sessions().rotate(session.id, &rotation).await? {
                    // Another call was faster. The next attempt finds what it has stored.
                    return Err(StoreError::Retry("the session has changed meanwhile".into()).into());
                }
                Ok(Outcome::Refreshed(user.id, expires_at))
            }
            RefreshDecision::Repeat => Ok(Outcome::Refreshed(user.id, session.expires_at)),
            RefreshDecision::Revoke => self.revoke(tx, actor, &session, refresh).await,
            RefreshDecision::Refuse => Err(UNKNOWN.into()),
        }
    }

    async fn revoke(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        session: &Session,
        refresh: &Refresh,
    ) -> Result<Outcome, RefreshSessionError> {
        if !tx.sessions().revoke(session.id, refresh.now).await? {
            return Err(UNKNOWN.into());
        }
        let event = RefreshTokenReused { user_id: session.user_id, session_id: session.id };
        let event = OutboxEvent::of(refresh.event_id, &event, Version::FIRST.next(), actor, refresh.now)?;
        tx.outbox().append(&event).await?;
        Ok(Outcome::Reused)
    }
}

#[cfg(test)]
mod tests;
