//! Reads the caller of a request from the `Authorization` header or the session cookie.

use super::{
    browser::{csrf_token, only_reads},
    cost,
    in_flight::Turn,
    meter::Meter,
    state::State,
};
use crate::{
    edge::RequestContext,
    problem::{Problem, code},
};
use http::{
    HeaderMap, HeaderValue,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use poem::{FromRequest, Request, RequestBody, Result, web::Data};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use skep_application::{
    App,
    identity::CookieUse,
    kernel::{Actor, Denied, Principal},
};
use skep_domain::{
    access::Denial,
    shared::{Action, Network},
};
use std::sync::Arc;
use tracing::Instrument as _;
use uuid::Uuid;

const SCHEME: &str = "bearer";
const COOKIE_SCHEME: &str = "cookie";

/// The caller of an operation, with the state of the service.
pub(crate) struct Caller<const HAS_TOKEN: bool> {
    /// The identity of the caller, as use cases take it.
    pub(crate) actor: Actor,
    /// The state that all endpoints share.
    pub(crate) state: Arc<State>,
    /// What the request has taken from the limits; `None` if requests are not limited.
    meter: Option<Meter>,
    /// The right of a user's request to be worked on, if the operation reads no body. Otherwise it waits for that first.
    _turn: Option<Turn>,
}

/// A caller with a valid access token or session cookie. Any other caller is answered 401 before the body is read.
pub(crate) type SignedIn = Caller<true>;

/// A caller with or without credentials. A token that is sent must be valid. A cookie that is not is ignored.
pub(crate) type Anyone = Caller<false>;

impl<'a, const HAS_TOKEN: bool> ApiExtractor<'a> for Caller<HAS_TOKEN> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some("An access token from `POST /api/v1/auth/login`."),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("JWT"),
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(SCHEME, scheme);
        let scheme = MetaSecurityScheme {
            ty: "apiKey",
            description: Some(
                "The session cookie that `POST /api/v1/auth/login` sets for `\"session\":\"cookie\"`. It is ignored if the \
                 request has `Authorization`. A request that is not GET, HEAD or OPTIONS also needs the CSRF token of the \
                 session in the header `X-CSRF-Token`. If the server is reached without https, the name is `skep_session`.",
            ),
            name: Some("__Host-skep_session"),
            key_in: Some("cookie"),
            scheme: None,
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(COOKIE_SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME, COOKIE_SCHEME]
    }

    fn has_security_fallback() -> bool {
        !HAS_TOKEN
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Self::read(request).await
    }
}

impl<const HAS_TOKEN: bool> Caller<HAS_TOKEN> {
    /// Reads the caller's credentials.
    ///
    /// # Errors
    /// 401 if the credentials are invalid, or missing although they are required. 429 above a limit.
    pub(crate) async fn read(request: &Request) -> Result<Self> {
        let state = state(request).await?;
        let (actor, turn) = identify(request, &state).await?;
        let meter = request.extensions().get::<Meter>().cloned();
        if HAS_TOKEN && actor.principal == Principal::Anonymous {
            let action = meter.and_then(|meter| meter.operation?.action);
            return Err(needs_account(action).into());
        }
        if let (Principal::Anonymous, Some(meter)) = (&actor.principal, &meter) {
            state.limiter.count_visitor(meter).await?;
        }
        Ok(Self { actor, state, meter, _turn: turn })
    }

    /// The use cases.
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.state.app
    }
}

impl SignedIn {
    /// Takes the units of a body with so many lines, except for the first, which was taken before the body was read.
    ///
    /// # Errors
    /// 429 above the limit of the user or of the address.
    pub(crate) async fn take_lines(&self, lines: usize) -> Result<(), Problem> {
        let Some(meter) = &self.meter else { return Ok(()) };
        self.state.limiter.take_rest(meter, &self.actor, cost::of_lines(lines)).await
    }
}

/// A caller whose credentials are ignored, for login, registration and setup.
pub(crate) struct Visitor {
    /// An anonymous actor with the id and the deadline of the request.
    pub(crate) actor: Actor,
    /// The state that all endpoints share.
    pub(crate) state: Arc<State>,
}

impl<'a> FromRequest<'a> for Visitor {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Ok(Self { actor: visitor(request), state: state(request).await? })
    }
}

impl Visitor {
    /// The use cases.
    pub(crate) fn app(&self) -> &App {
        &self.state.app
    }
}

/// The refusal of a visitor. It is a denial of the operation's action, as if the use case had refused.
fn needs_account(action: Option<Action>) -> Problem {
    let problem = Problem::of(code::UNAUTHENTICATED).with_detail("an access token or a session cookie is required");
    match action {
        Some(action) => problem.with_source(Denied { action, denial: Denial::NeedsAccount, user: None }),
        None => problem,
    }
}

async fn state(request: &Request) -> Result<Arc<State>> {
    Ok(Arc::clone(Data::<&Arc<State>>::from_request_without_body(request).await?.0))
}

async fn identify(request: &Request, state: &State) -> Result<(Actor, Option<Turn>), Problem> {
    let (mut actor, mut turn) = (visitor(request), None);
    let span = || tracing::info_span!(target: "skep::spans", "authenticate", otel.kind = "internal");
    let principal = match bearer(request.headers())? {
        // A page of another site cannot send this header, so the request needs no token against forgery. That holds only
        // because the cookie, which a browser adds by itself, is ignored.
        Some(token) => Some(state.app.identity.authenticate.execute(token).instrument(span()).await?),
        None => match state.browsers.session(request.headers()) {
            Some(cookie) => by_cookie(request, state, cookie).instrument(span()).await?,
            None => None,
        },
    };
    if let Some(principal) = principal {
        actor.principal = principal;
        let (meter, context) = (request.extensions().get::<Meter>(), request.extensions().get::<RequestContext>());
        if let Some(meter) = meter {
            state.limiter.count_user(meter, &actor).await?;
        }
        let id = actor.principal_id();
        match meter.filter(|meter| meter.has_body) {
            Some(meter) => {
                meter.sent_by(id);
                if let Some(context) = context {
                    context.admission.body_of(id.as_u128());
                }
            }
            None => turn = Some(counted_back(state.in_flight.turn(id, context).await, state, meter, id).await?),
        }
    }
    Ok((actor, turn))
}

/// The user of the session cookie; `None` if its session does not hold.
///
/// # Errors
/// 403 if the request changes something and may be forged.
async fn by_cookie(request: &Request, state: &State, cookie: &str) -> Result<Option<Principal>, Problem> {
    let asked = if only_reads(request.method()) {
        CookieUse::Read
    } else {
        state.browsers.refuse_other_sites(request)?;
        CookieUse::Change { csrf_token: csrf_token(request.headers()) }
    };
    Ok(state.app.identity.authenticate_cookie.execute(cookie, asked).await?)
}

/// Waits for the turn of a request whose body was read, if a user has sent it.
///
/// # Errors
/// 429 and 503 as for [`InFlight::turn`](super::in_flight::InFlight::turn).
pub(crate) async fn turn_after_body(request: &Request) -> Result<(), Problem> {
    let Some((meter, user, state)) = sender(request) else { return Ok(()) };
    let turn = state.in_flight.turn(user, request.extensions().get()).await;
    meter.keep(counted_back(turn, state, Some(meter), user).await?);
    Ok(())
}

/// Does work between two parts of a body that still arrives. The request has its turn and its place for this work alone.
///
/// # Errors
/// 429 and 503 as for [`InFlight::turn`](super::in_flight::InFlight::turn).
pub(crate) async fn turn_within_body<T>(request: &Request, work: impl Future<Output = T>) -> Result<T, Problem> {
    match sender(request) {
        Some((meter, user, state)) => {
            let done = state.in_flight.in_turn(user, request.extensions().get(), work).await;
            counted_back(done, state, Some(meter), user).await
        }
        None => Ok(work.await),
    }
}

/// Gives back what a request has taken from the limits if it got no turn.
async fn counted_back<T>(
    turn: Result<T, Problem>,
    state: &State,
    meter: Option<&Meter>,
    user: Uuid,
) -> Result<T, Problem> {
    if let (Err(refusal), Some(meter)) = (&turn, meter) {
        state.limiter.refused_in_flight(meter, user, refusal).await;
    }
    turn
}

/// The user who sends the body of the request. A visitor has none.
fn sender(request: &Request) -> Option<(&Meter, Uuid, &State)> {
    let extensions = request.extensions();
    let meter = extensions.get::<Meter>()?;
    Some((meter, meter.user()?, extensions.get::<Arc<State>>()?))
}

/// The anonymous actor of the request.
fn visitor(request: &Request) -> Actor {
    let Some(context) = request.extensions().get::<RequestContext>() else { return Actor::anonymous("-") };
    let mut actor = Actor::anonymous(context.request_id.as_str());
    actor.network = Network::of(context.client);
    actor.traceparent = context.trace.map(|trace| trace.to_string());
    actor.deadline = request.extensions().get::<Arc<State>>().map(|state| {
        let left = context.deadline.saturating_duration_since(std::time::Instant::now());
        state.app.ports.runtime.clock.monotonic() + left
    });
    actor
}

/// The token of the `Authorization` header. Another scheme, or a repeated header, is an invalid token.
///
/// # Errors
/// 401. The challenge to another scheme names no error (RFC 6750, 3.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let invalid =
        || Problem::new(http::StatusCode::UNAUTHORIZED, "invalid_token").with_detail("expected one bearer token");
    if values.next().is_some() {
        return Err(invalid());
    }
    let value = value.to_str().map_err(|_| invalid())?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(invalid().with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
    }
    let token = token.trim();
    if token.is_empty() { Err(invalid()) } else { Ok(Some(token)) }
}
