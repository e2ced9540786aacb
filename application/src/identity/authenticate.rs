//! Finds the user that an access token stands for.

use super::{AccessTokens, SessionQueries, TokenError};
use crate::kernel::{Principal, Runtime, refusal, use_case_error};
use std::sync::Arc;

refusal! {
    /// The access token is not valid or has expired, or its session has ended; log in again.
    InvalidToken = Unauthenticated, "invalid_token";
}

impl From<TokenError> for InvalidToken {
    fn from(_: TokenError) -> Self {
        Self
    }
}

use_case_error! {
    /// The reason why no user was found.
    AuthenticateError {
        InvalidToken(InvalidToken),
    }
}

/// Finds the user that an access token stands for.
pub struct Authenticate {
    tokens: Arc<dyn AccessTokens>,
    sessions: Arc<dyn SessionQueries>,
    runtime: Runtime,
}

impl Authenticate {
    /// Makes the use case. It finds sessions in `sessions`.
    #[must_use]
    pub fn new(tokens: Arc<dyn AccessTokens>, sessions: Arc<dyn SessionQueries>, runtime: Runtime) -> Self {
        Self { tokens, sessions, runtime }
    }

    /// Returns the user that the token stands for, with the present roles of the account. The session is read from the
    /// store every time, so that the end of a session takes effect with the next request, on every instance.
    ///
    /// # Errors
    /// [`AuthenticateError`].
    pub async fn execute(&self, token: &str) -> Result<Principal, AuthenticateError> {
        let now = self.runtime.clock.now();
        let claims = self.tokens.verify(token, now).map_err(InvalidToken::from)?;
        let found = self.sessions.find_session(claims.session_id).await?.ok_or(InvalidToken)?;
        if found.user_id != claims.user_id || !found.term.holds(now, found.auth_epoch) {
            return Err(InvalidToken.into());
        }
        Ok(Principal::User { id: claims.user_id, session: claims.session_id, roles: found.roles })
    }
}

#[cfg(test)]
mod tests;
