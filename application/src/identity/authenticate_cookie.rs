//! Finds the user that the cookie of a session stands for.

use super::{IdentityTx, SessionCookies, SessionJudge, SessionPolicy};
use crate::kernel::{Begin, Key, Principal, StoreError, TxMode, refusal, run, use_case_error};
use skep_domain::{
    identity::SessionKind,
    shared::{SessionId, Timestamp},
};
use std::{sync::Arc, time::Duration};

/// How long a request waits until its use of the session is stored. A use that is not stored then is lost.
const PATIENCE: Duration = Duration::from_secs(1);

refusal! {
    /// A change by cookie needs the CSRF token of its session in the header `X-CSRF-Token`.
    CsrfTokenInvalid = Denied, "csrf_token_invalid";
}

use_case_error! {
    /// The reason why a request by cookie is refused.
    AuthenticateCookieError {
        CsrfTokenInvalid(CsrfTokenInvalid),
    }
}

/// What a request with a cookie asks for.
#[derive(Clone, Copy)]
pub enum CookieUse<'a> {
    /// To read. Another site cannot see the answer.
    Read,
    /// To change something. Another site must not be able to ask for it, so the request has a token.
    Change {
        /// The token against forged requests; `None` if none was sent.
        csrf_token: Option<&'a str>,
    },
}

/// Finds the user that the cookie of a session stands for.
pub struct AuthenticateCookie {
    cookies: SessionCookies,
    judge: Arc<SessionJudge>,
    store: Arc<dyn Begin<dyn IdentityTx>>,
    policy: SessionPolicy,
}

impl AuthenticateCookie {
    /// Makes the use case. `judge` decides whether the session of a cookie holds. Uses are stored in `store`.
    #[must_use]
    pub fn new(
        cookies: SessionCookies,
        judge: Arc<SessionJudge>,
        store: Arc<dyn Begin<dyn IdentityTx>>,
        policy: SessionPolicy,
    ) -> Self {
        Self { cookies, judge, store, policy }
    }

    /// Returns the user that the value of the cookie stands for, with what the present roles of the account allow. `None`
    /// if the deployment has not issued the value, or its session has ended: a browser sends a cookie whether or not the
    /// operation asks for a login, so such a caller is a visitor. The session is read from the store every time.
    ///
    /// At most once a minute, the use moves the end of the session. If that cannot be stored, the request goes on, and the
    /// next one tries again.
    ///
    /// # Errors
    /// [`AuthenticateCookieError`].
    pub async fn execute(
        &self,
        value: &str,
        asked: CookieUse<'_>,
    ) -> Result<Option<Principal>, AuthenticateCookieError> {
        let Some(value) = self.cookies.read(value) else { return Ok(None) };
        let now = self.judge.runtime.clock.now();
        let Some(found) = self.judge.find(value.session_id, now).await? else { return Ok(None) };
        let Some(cookie) = found.cookie.filter(|cookie| self.cookies.is_same(cookie.hash, value.hash)) else {
            return Ok(None);
        };
        if let CookieUse::Change { csrf_token } = asked
            && !csrf_token.is_some_and(|token| self.cookies.is_csrf_token(value.session_id, token))
        {
            return Err(CsrfTokenInvalid.into());
        }
        let principal = self.judge.principal(value.session_id, &found).await?;
        if cookie.is_due(now) {
            // The session holds for this request, whether or not its next end is stored.
            let _ = self.renew(value.session_id, now).await;
        }
        Ok(Some(principal))
    }

    async fn renew(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
        let (runtime, limits) = (&self.judge.runtime, self.policy.limits(SessionKind::Cookie));
        let deadline = runtime.clock.monotonic() + PATIENCE;
        run(runtime, Some(deadline), |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[Key(id.uuid())]).await?;
            let renewed = async {
                let session = unit.sessions().find(id).await?;
                if let Some(renewal) = session.and_then(|session| session.renewal(now, limits)) {
                    unit.sessions().renew(id, renewal).await?;
                }
                Ok(())
            }
            .await;
            attempt.end(unit, renewed).await
        })
        .await
    }
}

#[cfg(test)]
mod tests;
