//! The refresh of a session.

use super::{
    api::{LoggedIn, Tag},
    dto::RefreshRequest,
};
use crate::{
    body::Strict,
    parts::{Answer, ClientDevice, Visitor},
    problem::Problem,
};
use poem_openapi::OpenApi;
use skep_application::identity::{InvalidRefreshToken, RefreshSessionError};

#[derive(Default)]
pub(super) struct RefreshApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Identity")]
impl RefreshApi {
    /// Refresh a session
    ///
    /// Returns a new access token and the next refresh token. Anyone with a refresh token may call it. A token can be used
    /// once: for 10 seconds, and until the next one is used, it gives the same next one again, so parallel calls and lost
    /// answers do no harm. After that, it ends the session, because a thief may have used it. A token that is unknown or
    /// was used before, or whose session has ended, gets 401 `invalid_refresh_token`. By default, 60 wrong tokens per
    /// minute are taken from an IP address, and as many of a session.
    #[oai(path = "/auth/refresh", method = "post", operation_id = "refresh_session")]
    async fn refresh(
        &self,
        caller: Visitor,
        device: ClientDevice,
        body: Strict<RefreshRequest>,
    ) -> Result<LoggedIn, Problem> {
        let command = body.0.with(device.0);
        let refreshed = caller.app().identity.refresh_session.execute(&caller.actor, command).await;
        let answer = refreshed.inspect_err(count_reuse)?;
        Ok(LoggedIn::Ok(Answer(answer.into())))
    }
}

fn count_reuse(error: &RefreshSessionError) {
    if let RefreshSessionError::InvalidRefreshToken(InvalidRefreshToken { was_reused: true }) = error {
        metrics::counter!("skep_refresh_reuse_total").increment(1);
    }
}
