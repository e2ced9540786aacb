//! From an access token to who asks.

use super::{AccessTokens, SessionQueries, TokenError};
use crate::kernel::{Principal, Runtime, refusal, use_case_error};
use std::sync::Arc;

refusal! {
    /// The access token has expired, is not one of this server's, or its session has ended; log in again.
    InvalidToken = Unauthenticated, "invalid_token";
}

impl From<TokenError> for InvalidToken {
    fn from(_: TokenError) -> Self {
        Self
    }
}

use_case_error! {
    /// Why no user was recognized.
    AuthenticateError {
        InvalidToken(InvalidToken),
    }
}

/// Recognizes users by their access tokens.
pub struct Authenticate {
    tokens: Arc<dyn AccessTokens>,
    sessions: Arc<dyn SessionQueries>,
    runtime: Runtime,
}

impl Authenticate {
    /// Recognizes users of this store.
    #[must_use]
    pub fn new(tokens: Arc<dyn AccessTokens>, sessions: Arc<dyn SessionQueries>, runtime: Runtime) -> Self {
        Self { tokens, sessions, runtime }
    }

    /// The user behind the token, with the roles that the account has now. Whether the session still stands is read from
    /// the store every time, so that its end holds on the very next request, on every instance.
    ///
    /// # Errors
    /// [`AuthenticateError`].
    pub async fn execute(&self, token: &str) -> Result<Principal, AuthenticateError> {
        let now = self.runtime.clock.now();
        let claims = self.tokens.verify(token, now).map_err(InvalidToken::from)?;
        let found = self.sessions.find_session(claims.session_id).await?.ok_or(InvalidToken)?;
        if found.session.user_id != claims.user_id || !found.session.holds(now) {
            return Err(InvalidToken.into());
        }
        Ok(Principal::User { id: claims.user_id, session: claims.session_id, roles: found.roles })
    }
}

#[cfg(test)]
mod tests;
