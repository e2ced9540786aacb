//! The sessions of the caller: the log-out, and the list of sessions.

use super::{api::Tag, dto::CsrfTokenBody};
use crate::{
    parts::{Answer, Done, Id, Listed, Parameter, RepeatKey, Sent, SignedIn, invalid},
    problem::Problem,
};
use poem::Request;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::Path,
    registry::{MetaParamIn, MetaSchema},
};
use serde::Serialize;
use skep_application::identity::{EndSessionCommand, EndSessionsCommand, ListedSession};
use skep_domain::{identity::SessionKind, shared::SessionId};

/// The path of the sessions of the caller.
const SESSIONS: &str = "/api/v1/users/me/sessions";
/// What a browser forgets with the session.
const CLEARED: &str = "\"cookies\", \"storage\"";

#[derive(Default)]
pub(super) struct SessionApi;

/// A login that has not ended.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Session")]
pub(super) struct SessionBody {
    /// The id of the session.
    id: Id<SessionId>,
    /// Whether this request belongs to the session.
    current: bool,
    /// What its owner shows with each request.
    kind: String,
    /// The program that used it last, at the login or a refresh, as it described itself in `User-Agent`: at most 200
    /// characters, without those that are not visible ASCII. Absent if it is not known.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// The network that it called from: an IPv4 address, or an IPv6 network of 64 bits. Absent if it is not known.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    /// The time of the login.
    created_at: String,
    /// The time of the last refresh, or of the login if there was none. With a cookie, the time of a use at most a minute
    /// before the last one.
    last_used_at: String,
    /// The time at which the session ends by itself, unless it is refreshed or its cookie is used before.
    expires_at: String,
}

impl From<ListedSession> for SessionBody {
    fn from(ListedSession { session, is_current }: ListedSession) -> Self {
        Self {
            id: Id(session.id),
            current: is_current,
            kind: session.kind().name().to_owned(),
            last_used_at: session.last_used_at().to_string(),
            device: session.origin.device.map(|device| device.into_string()),
            network: session.origin.network.map(|network| network.to_string()),
            created_at: session.created_at.to_string(),
            expires_at: session.expires_at.to_string(),
        }
    }
}

/// The values of `Set-Cookie` and `Clear-Site-Data` that make the browser of the caller forget its session, if it has a
/// session cookie.
pub(super) fn forgotten(caller: &SignedIn) -> (Option<String>, Option<String>) {
    let by_cookie = caller.actor.credential() == Some(SessionKind::Cookie);
    (by_cookie.then(|| caller.state.browsers.clear()), by_cookie.then(|| CLEARED.to_owned()))
}

/// 204 without a body.
#[derive(ApiResponse)]
enum LoggedOut {
    /// Done. The answer has no body. With a session cookie, the browser forgets it, and what the pages of the site have
    /// stored.
    #[oai(status = 204)]
    Done(#[oai(header = "Set-Cookie")] Option<String>, #[oai(header = "Clear-Site-Data")] Option<String>),
}

#[derive(ApiResponse)]
enum CsrfTokenShown {
    /// The token.
    #[oai(status = 200)]
    Ok(Answer<CsrfTokenBody>, #[oai(header = "Cache-Control")] String),
}

/// Whether the session of the caller is ended with the others.
struct IncludeCurrent(bool);

impl Parameter for IncludeCurrent {
    const PLACE: MetaParamIn = MetaParamIn::Query;

    fn schema() -> MetaSchema {
        MetaSchema {
            title: Some("include_current".to_owned()),
            description: Some("With `true`, the session of this request is ended, too. The default is `false`."),
            example: Some(true.into()),
            default: Some(false.into()),
            ..MetaSchema::new("boolean")
        }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        let query = request.uri().query().unwrap_or_default();
        let value = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "include_current");
        match value.as_ref().map(|(_, text)| text.as_ref()) {
            None | Some("false") => Ok(Self(false)),
            Some("true") => Ok(Self(true)),
            Some(_) => Err(invalid("include_current", "must be true or false")),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Identity")]
impl SessionApi {
    /// Log out
    ///
    /// Ends the session of the access token or the cookie. Every token of the session is refused from the next request on, by every
    /// instance; the token of this request, too, so a second call is answered 401 `invalid_token`. Needs an account.
    #[oai(path = "/auth/logout", method = "post", operation_id = "log_out")]
    async fn log_out(&self, caller: SignedIn) -> Result<LoggedOut, Problem> {
        caller.app().identity.log_out.execute(&caller.actor, ()).await?;
        let (cookie, site_data) = forgotten(&caller);
        Ok(LoggedOut::Done(cookie, site_data))
    }

    /// Get the CSRF token
    ///
    /// Returns the token that requests with the session cookie need in `X-CSRF-Token`, unless they are GET, HEAD or
    /// OPTIONS. Only pages of the same origin can read it. Needs an account. With an access token, which needs no CSRF
    /// token, the answer is 409 `no_cookie_session`.
    #[oai(path = "/auth/csrf", method = "get", operation_id = "get_csrf_token")]
    async fn csrf_token(&self, caller: SignedIn) -> Result<CsrfTokenShown, Problem> {
        let csrf_token = caller.app().identity.get_csrf_token.execute(&caller.actor)?;
        // The answer has a secret, so it is not compressed.
        Ok(CsrfTokenShown::Ok(Answer(CsrfTokenBody { csrf_token }), "no-store, no-transform".to_owned()))
    }

    /// List your sessions
    ///
    /// Lists the sessions of the account that have not ended, the newest first, on one page of at most 100. Needs an
    /// account. By default, an account has at most 100 sessions: the login after that ends the oldest one.
    #[oai(path = "/users/me/sessions", method = "get", operation_id = "list_sessions")]
    async fn list(&self, caller: SignedIn) -> Result<Listed<SessionBody>, Problem> {
        let sessions = caller.app().identity.list_sessions.execute(&caller.actor).await?;
        Ok(Listed::whole(SESSIONS, sessions.into_iter().map(Into::into).collect()))
    }

    /// End your sessions
    ///
    /// Ends all other sessions of the account, and with `include_current=true` this one, too. Their tokens are refused
    /// from the next request on, by every instance. Needs an account.
    #[oai(path = "/users/me/sessions", method = "delete", operation_id = "end_sessions")]
    async fn end_all(
        &self,
        caller: SignedIn,
        Sent(with_current): Sent<IncludeCurrent>,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = EndSessionsCommand { include_current: with_current.0 };
        caller.app().identity.end_sessions.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }

    /// End a session
    ///
    /// Ends one session of the account, which may be the one of this request. Its tokens are refused from the next
    /// request on, by every instance. A session of another account, and one that has ended already, is answered 404.
    /// Needs an account.
    #[oai(path = "/users/me/sessions/:id", method = "delete", operation_id = "end_session")]
    async fn end(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<SessionId>>,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = EndSessionCommand { session_id: id.0 };
        caller.app().identity.end_session.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }
}
