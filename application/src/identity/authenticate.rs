//! Finds the user that an access token stands for.

use super::{AccessTokens, SessionJudge, TokenError};
use crate::kernel::{Principal, refusal, use_case_error};
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
    judge: Arc<SessionJudge>,
}

impl Authenticate {
    /// Makes the use case. `judge` decides whether the session of a token holds.
    #[must_use]
    pub fn new(tokens: Arc<dyn AccessTokens>, judge: Arc<SessionJudge>) -> Self {
        Self { tokens, judge }
    }

    /// Returns the user that the token stands for, with what the present roles of the account allow. The session is read
    /// from the store every time, so that the end of a session and a change of a role take effect with the next request,
    /// on every instance.
    ///
    /// # Errors
    /// [`AuthenticateError`].
    pub async fn execute(&self, token: &str) -> Result<Principal, AuthenticateError> {
        let now = self.judge.runtime.clock.now();
        let claims = self.tokens.verify(token, now).map_err(InvalidToken::from)?;
        let found = self.judge.find(claims.session_id, now).await?.ok_or(InvalidToken)?;
        // A session with a cookie has no tokens.
        if found.user_id != claims.user_id || found.cookie.is_some() {
            return Err(InvalidToken.into());
        }
        Ok(self.judge.principal(claims.session_id, &found).await?)
    }
}

#[cfg(test)]
mod tests;
