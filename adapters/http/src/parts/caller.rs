//! Reads the caller of a request from the `Authorization` header.

use super::{cost, in_flight::Turn, meter::Meter, state::State};
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
    kernel::{Actor, Principal},
};
use skep_domain::shared::Network;
use std::sync::Arc;
use tracing::Instrument as _;

const SCHEME: &str = "bearer";

/// The caller of an operation, with the state of the service.
pub(crate) struct Caller<const HAS_TOKEN: bool> {
    /// The identity of the caller, as use cases take it.
    pub(crate) actor: Actor,
    /// The state that all endpoints share.
    pub(crate) state: Arc<State>,
    /// What the request has taken from the limits; `None` if requests are not limited.
    meter: Option<Meter>,
    /// The right of a user's request to be worked on.
    _turn: Option<Turn>,
}

/// A caller with a valid access token. Any other caller is answered 401 before the body is read.
pub(crate) type SignedIn = Caller<true>;

/// A caller with or without an access token. A token that is sent must be valid.
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
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
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
    /// 401 if the credentials are invalid, or missing although they are required.
    pub(crate) async fn read(request: &Request) -> Result<Self> {
        let state = state(request).await?;
        let (actor, turn) = identify(request, &state).await?;
        if HAS_TOKEN && actor.principal == Principal::Anonymous {
            return Err(Problem::of(code::UNAUTHENTICATED).with_detail("an access token is required").into());
        }
        Ok(Self { actor, state, meter: request.extensions().get().cloned(), _turn: turn })
    }

    /// The use cases.
    pub(crate) fn app(&self) -> &App {
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
    state: Arc<State>,
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

async fn state(request: &Request) -> Result<Arc<State>> {
    Ok(Arc::clone(Data::<&Arc<State>>::from_request_without_body(request).await?.0))
}

async fn identify(request: &Request, state: &State) -> Result<(Actor, Option<Turn>), Problem> {
    let (mut actor, mut turn) = (visitor(request), None);
    if let Some(token) = bearer(request.headers())? {
        let span = tracing::info_span!(target: "skep::spans", "authenticate", otel.kind = "internal");
        actor.principal = state.app.identity.authenticate.execute(token).instrument(span).await?;
        if let Some(meter) = request.extensions().get::<Meter>() {
            state.limiter.count_user(meter, &actor).await?;
        }
        let deadline = request.extensions().get::<RequestContext>().map(|context| context.deadline);
        turn = Some(state.in_flight.turn(actor.principal_id(), deadline).await?);
    }
    Ok((actor, turn))
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
