//! Shows the token against forged requests.

use super::SessionCookies;
use crate::kernel::{Actor, Denied, permit, refusal, use_case_error};
use skep_domain::identity::{SessionKind, actions};

refusal! {
    /// The request has no session cookie. Requests with an access token need no CSRF token.
    NoCookieSession = Conflict, "no_cookie_session";
}

use_case_error! {
    /// The reason why no token was shown.
    GetCsrfTokenError {
        Denied(Denied),
        NoCookieSession(NoCookieSession),
    }
}

/// Shows the token that changes by the cookie of the actor need.
pub struct GetCsrfToken(SessionCookies);

impl GetCsrfToken {
    /// Makes the use case. `cookies` derives the token.
    #[must_use]
    pub fn new(cookies: SessionCookies) -> Self {
        Self(cookies)
    }

    /// Returns the token of the session of the actor, which is the same as long as the session lasts.
    ///
    /// # Errors
    /// [`GetCsrfTokenError`].
    pub fn execute(&self, actor: &Actor) -> Result<String, GetCsrfTokenError> {
        permit(actor, actions::READ_SESSION)?;
        let (_, session) = actor.session(actions::READ_SESSION)?;
        if actor.credential() != Some(SessionKind::Cookie) {
            return Err(NoCookieSession.into());
        }
        Ok(self.0.csrf_token(session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn the_token_of_the_session_is_shown_to_a_caller_with_its_cookie() {
        let (cookies, actor) = (session_cookies(), by_cookie(user(1)));
        let (_, session) = actor.session(actions::READ_SESSION).unwrap();
        let token = GetCsrfToken::new(cookies.clone()).execute(&actor).unwrap();
        assert!(cookies.is_csrf_token(session, &token));
    }

    #[test]
    fn a_caller_without_a_cookie_has_no_token() {
        let use_case = GetCsrfToken::new(session_cookies());
        assert_eq!(code(&use_case.execute(&user(1))), "no_cookie_session");
        assert_eq!(code(&use_case.execute(&visitor())), "unauthenticated");
        assert_eq!(code(&use_case.execute(&by_cookie(actor(1, &[])))), "forbidden");
    }
}
