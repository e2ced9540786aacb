//! Who calls: from the `Authorization` header to an actor.

use super::{refusal::refuse, state::State};
use crate::{
    edge::RequestContext,
    problem::{Problem, code},
};
use http::{HeaderMap, header::AUTHORIZATION};
use poem::{FromRequest as _, Request, RequestBody, Result, web::Data};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use skep_application::kernel::{Actor, Principal};
use std::sync::Arc;
use tracing::Instrument as _;

const SCHEME: &str = "bearer";

/// Somebody with a valid access token; anybody else is answered 401 before the body is read.
pub(crate) struct SignedIn(pub(crate) Actor);

/// Anybody. Whoever sends a token must send a valid one.
pub(crate) struct Anyone(pub(crate) Actor);

impl<'a> ApiExtractor<'a> for SignedIn {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Self::read(request).await
    }
}

impl SignedIn {
    /// Reads the caller's credentials.
    ///
    /// # Errors
    /// 401 without good ones.
    pub(crate) async fn read(request: &Request) -> Result<Self> {
        let actor = identify(request).await?;
        if actor.principal == Principal::Anonymous {
            return Err(Problem::of(code::UNAUTHENTICATED).with_detail("an access token is required").into());
        }
        Ok(Self(actor))
    }
}

impl<'a> ApiExtractor<'a> for Anyone {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Self::read(request).await
    }
}

impl Anyone {
    /// Reads the caller's credentials, if there are any.
    ///
    /// # Errors
    /// 401 if they are not good.
    pub(crate) async fn read(request: &Request) -> Result<Self> {
        Ok(Self(identify(request).await?))
    }
}

fn register(registry: &mut Registry) {
    let scheme = MetaSecurityScheme {
        ty: "http",
        description: Some("An access token, as `POST /api/v1/auth/login` answers it."),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some("JWT"),
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(SCHEME, scheme);
}

async fn identify(request: &Request) -> Result<Actor> {
    let state = Data::<&Arc<State>>::from_request_without_body(request).await?.0;
    let mut actor = visitor(request);
    if let Some(token) = bearer(request.headers())? {
        let span = tracing::info_span!(target: "skep::spans", "authenticate", otel.kind = "internal");
        let principal = state.app.identity.authenticate.execute(token).instrument(span).await;
        actor.principal = principal.map_err(refuse)?;
        state.limiter.count_user(request, &actor).await?;
    }
    Ok(actor)
}

/// The request without its credentials: for logging in, registration and the set-up, which ignore them.
pub(crate) fn visitor(request: &Request) -> Actor {
    let Some(context) = request.extensions().get::<RequestContext>() else { return Actor::anonymous("-") };
    let mut actor = Actor::anonymous(context.request_id.as_str());
    actor.traceparent = context.trace.map(|trace| trace.to_string());
    actor.deadline = request.extensions().get::<Arc<State>>().map(|state| {
        let left = context.deadline.saturating_duration_since(std::time::Instant::now());
        state.app.ports.runtime.clock.monotonic() + left
    });
    actor
}

/// The token of the `Authorization` header; another scheme, or the header twice, is an invalid credential.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let invalid =
        || Problem::new(http::StatusCode::UNAUTHORIZED, "invalid_token").with_detail("expected one bearer token");
    if values.next().is_some() {
        return Err(invalid());
    }
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(invalid)?;
    let token = token.trim();
    let good = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
    if good { Ok(Some(token)) } else { Err(invalid()) }
}
