//! Finds the user that an access token stands for.

use super::{AccessTokens, RoleQueries, SessionQueries, TokenError, policy_cache::PolicyCache};
use crate::kernel::{Principal, Runtime, refusal, use_case_error};
use skep_domain::access::{Permissions, Policy, Role};
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
    policy: PolicyCache,
    runtime: Runtime,
}

impl Authenticate {
    /// Makes the use case. It finds sessions in `sessions`, and the roles of the deployment in `roles`.
    #[must_use]
    pub fn new(
        tokens: Arc<dyn AccessTokens>,
        sessions: Arc<dyn SessionQueries>,
        roles: Arc<dyn RoleQueries>,
        runtime: Runtime,
    ) -> Self {
        Self { tokens, sessions, policy: PolicyCache::new(roles), runtime }
    }

    /// Returns the user that the token stands for, with what the present roles of the account allow. The session is read
    /// from the store every time, so that the end of a session and a change of a role take effect with the next request,
    /// on every instance.
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
        let permissions = if found.roles.iter().any(|role| matches!(role, Role::Own(_))) {
            Permissions::of(&found.roles, &*self.policy.at(found.policy).await?)
        } else {
            Permissions::of(&found.roles, &Policy::default())
        };
        Ok(Principal::User { id: claims.user_id, session: claims.session_id, permissions })
    }
}

#[cfg(test)]
mod tests;
