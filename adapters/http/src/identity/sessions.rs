//! The sessions of the caller: the log-out, and the list of sessions.

use super::api::Tag;
use crate::{
    parts::{Done, Id, Listed, Parameter, RepeatKey, Sent, SignedIn, invalid},
    problem::Problem,
};
use poem::Request;
use poem_openapi::{
    Object, OpenApi,
    param::Path,
    registry::{MetaParamIn, MetaSchema},
};
use serde::Serialize;
use skep_application::identity::{EndSessionCommand, EndSessionsCommand, ListedSession};
use skep_domain::shared::SessionId;

/// The path of the sessions of the caller.
const SESSIONS: &str = "/api/v1/users/me/sessions";

#[derive(Default)]
pub(super) struct SessionApi;

/// A login that has not ended.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Session")]
pub(super) struct SessionBody {
    /// The id of the session.
    id: Id<SessionId>,
    /// Whether the access token of this request belongs to the session.
    current: bool,
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
    /// The time of the last refresh, or of the login if there was none.
    last_used_at: String,
    /// The time at which the session ends by itself, unless it is refreshed before.
    expires_at: String,
}

impl From<ListedSession> for SessionBody {
    fn from(ListedSession { session, is_current }: ListedSession) -> Self {
        Self {
            id: Id(session.id),
            current: is_current,
            last_used_at: session.last_used_at().to_string(),
            device: session.origin.device.map(|device| device.into_string()),
            network: session.origin.network.map(|network| network.to_string()),
            created_at: session.created_at.to_string(),
            expires_at: session.expires_at.to_string(),
        }
    }
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
    /// Ends the session of the access token. Every token of the session is refused from the next request on, by every
    /// instance; the token of this request, too, so a second call is answered 401 `invalid_token`. Needs an account.
    #[oai(path = "/auth/logout", method = "post", operation_id = "log_out")]
    async fn log_out(&self, caller: SignedIn) -> Result<Done, Problem> {
        caller.app().identity.log_out.execute(&caller.actor, ()).await?;
        Ok(Done::Done)
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
