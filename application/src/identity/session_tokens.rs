//! The tokens of a session: access tokens, and refresh tokens for the next ones. What a caller gets for a new session.

use super::{
    AccessClaims, AccessTokens, CookieAnswer, DeviceToken, DeviceTokens, ExtraClaims, IdentityHooks, RefreshTokens,
    SessionCookies,
};
use crate::kernel::{Runtime, StoreError};
use skep_domain::shared::{SessionId, Timestamp, UserId};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// The answer with the tokens of a session: to a login, a new password, or a refresh.
#[derive(Clone, PartialEq, Eq)]
pub struct LogInAnswer {
    /// The access token, signed.
    pub access_token: String,
    /// How long the access token is valid.
    pub expires_in: Duration,
    /// The token for the next refresh.
    pub refresh_token: String,
    /// How long the session lasts if it is not refreshed.
    pub refresh_expires_in: Duration,
    /// The token of the device, for the next login on it. `None` in the answer to a refresh.
    pub device: Option<DeviceToken>,
}

impl std::fmt::Debug for LogInAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogInAnswer")
            .field("expires_in", &self.expires_in)
            .field("refresh_expires_in", &self.refresh_expires_in)
            .finish_non_exhaustive()
    }
}

/// What the caller gets for a new session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartedSession {
    /// For programs, which store it.
    Tokens(LogInAnswer),
    /// For browsers.
    Cookie(CookieAnswer),
}

/// Makes what the owners of sessions show: tokens, and the values of cookies.
#[derive(Clone)]
pub struct SessionSecrets {
    /// The tokens of sessions with tokens.
    pub tokens: SessionTokens,
    /// The values of the cookies of the other sessions.
    pub cookies: SessionCookies,
    /// The tokens of the devices that sessions are started on.
    pub devices: DeviceTokens,
}

/// Issues the tokens of sessions.
#[derive(Clone)]
pub struct SessionTokens {
    access: Arc<dyn AccessTokens>,
    pub(super) refresh: RefreshTokens,
    hooks: IdentityHooks,
}

/// The claim of a session to tokens.
pub(super) struct Grant {
    pub(super) user_id: UserId,
    pub(super) session_id: SessionId,
    /// The id of the access token.
    pub(super) token_id: Uuid,
    pub(super) now: Timestamp,
    /// The end of the session.
    pub(super) session_ends_at: Timestamp,
    pub(super) refresh_token: String,
    pub(super) extra: ExtraClaims,
}

impl SessionTokens {
    /// `access` signs access tokens, and `refresh` makes refresh tokens. `hooks` may add claims.
    #[must_use]
    pub fn new(access: Arc<dyn AccessTokens>, refresh: RefreshTokens, hooks: IdentityHooks) -> Self {
        Self { access, refresh, hooks }
    }

    /// Whether the program adds claims.
    pub(super) const fn has_extra(&self) -> bool {
        self.hooks.has_claims()
    }

    /// The claims that the program adds to the next token of a session. Ask for them before anything is stored.
    pub(super) async fn extra(
        &self,
        runtime: &Runtime,
        user_id: UserId,
        session_id: SessionId,
    ) -> Result<ExtraClaims, StoreError> {
        self.hooks.claims_of(runtime, user_id, session_id).await
    }

    /// Signs an access token that lasts `lifetime`, and not longer than its session.
    pub(super) fn issue(&self, grant: Grant, lifetime: Duration) -> Result<LogInAnswer, StoreError> {
        let Grant { user_id, session_id, token_id, now, session_ends_at, refresh_token, extra } = grant;
        let expires_at = now.plus_millis(millis(lifetime)).min(session_ends_at);
        let claims = AccessClaims { user_id, session_id, token_id, issued_at: now, expires_at };
        let access_token = self.access.issue(&claims, &extra).map_err(StoreError::unreadable)?;
        let (expires_in, refresh_expires_in) = (between(now, expires_at), between(now, session_ends_at));
        Ok(LogInAnswer { access_token, expires_in, refresh_token, refresh_expires_in, device: None })
    }
}

/// The time from one to the other; none if the other is earlier.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    let millis = to.as_millis().saturating_sub(from.as_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

/// Whole milliseconds, for times of the domain.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
