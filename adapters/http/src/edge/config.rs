//! The settings of the edge.

use super::{
    body_limits::BodyLimits,
    client_addr::TrustedProxies,
    client_limits::ClientLimits,
    cors::Cors,
    limits::{Limits, Timeouts},
    request_id::RequestId,
    routes::RouteTable,
    trace::{NewTraceContext, Tracer},
};
use std::{fmt, sync::Arc, time::Duration};

/// The settings of the edge, fixed when the server starts.
#[derive(Clone)]
pub struct EdgeConfig {
    /// The limits of size and number.
    pub limits: Limits,
    /// The limits of request bodies.
    pub bodies: BodyLimits,
    /// The limits of time.
    pub timeouts: Timeouts,
    /// The limits of what one client may take of what all share.
    pub clients: ClientLimits,
    /// The proxies whose `X-Forwarded-For` is believed. Default: none.
    pub trusted_proxies: TrustedProxies,
    /// The browser origins that may call. Default: none.
    pub cors: Option<Cors>,
    /// The `max-age` of `Strict-Transport-Security`. Set it if the public address is HTTPS. Default: the header is not
    /// sent.
    pub hsts: Option<Duration>,
    /// The known paths and their methods, for `Allow`, OPTIONS, HEAD, and the route in logs and limits. Pass those of
    /// the service. Default: empty, so that only the application decides about paths.
    pub routes: RouteTable,
    /// Makes the id of a request that has none or an unsafe one.
    pub new_request_id: NewRequestId,
    /// Makes the trace context of a request that has none or an invalid one. Default: such a request has no context.
    pub new_trace: Option<NewTraceContext>,
    /// Records requests as spans. Default: they are not recorded.
    pub tracer: Option<Arc<dyn Tracer>>,
}

/// Makes ids of requests. No id may repeat.
pub type NewRequestId = Arc<dyn Fn() -> RequestId + Send + Sync>;

impl EdgeConfig {
    /// The default settings with this source of request ids.
    #[must_use]
    pub fn new(new_request_id: NewRequestId) -> Self {
        Self {
            limits: Limits::default(),
            bodies: BodyLimits::default(),
            timeouts: Timeouts::default(),
            clients: ClientLimits::default(),
            trusted_proxies: TrustedProxies::default(),
            cors: None,
            hsts: None,
            routes: RouteTable::default(),
            new_request_id,
            new_trace: None,
            tracer: None,
        }
    }
}

impl fmt::Debug for EdgeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeConfig")
            .field("limits", &self.limits)
            .field("bodies", &self.bodies)
            .field("timeouts", &self.timeouts)
            .field("clients", &self.clients)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("cors", &self.cors)
            .field("hsts", &self.hsts)
            .finish_non_exhaustive()
    }
}
