//! What the edge is told at start.

use super::{
    client_addr::TrustedProxies,
    cors::Cors,
    limits::{Limits, Timeouts},
    request_id::RequestId,
    routes::RouteTable,
    trace::{NewTraceContext, Tracer},
};
use std::{fmt, sync::Arc, time::Duration};

/// The configuration of the edge.
#[derive(Clone)]
pub struct EdgeConfig {
    /// Limits of size and number.
    pub limits: Limits,
    /// Limits of time.
    pub timeouts: Timeouts,
    /// Whose `X-Forwarded-For` is believed. Default: nobody's.
    pub trusted_proxies: TrustedProxies,
    /// Which browser origins may call. Default: none.
    pub cors: Option<Cors>,
    /// `max-age` of `Strict-Transport-Security`, sent when set. Set it when the public address
    /// is HTTPS. Default: not sent.
    pub hsts: Option<Duration>,
    /// The known paths and their methods: for `Allow`, OPTIONS, HEAD and the route in logs.
    /// Default: empty, so that the application alone decides.
    pub routes: RouteTable,
    /// Makes the id of a request that brings none, or an unsafe one.
    pub new_request_id: NewRequestId,
    /// Makes the trace context of a request that brings none, or a bad one. Default: none is made.
    pub new_trace: Option<NewTraceContext>,
    /// Records requests as spans. Default: nobody does.
    pub tracer: Option<Arc<dyn Tracer>>,
}

/// A source of fresh request ids.
pub type NewRequestId = Arc<dyn Fn() -> RequestId + Send + Sync>;

impl EdgeConfig {
    /// The defaults, with this source of request ids.
    #[must_use]
    pub fn new(new_request_id: NewRequestId) -> Self {
        Self {
            limits: Limits::default(),
            timeouts: Timeouts::default(),
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
            .field("timeouts", &self.timeouts)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("cors", &self.cors)
            .field("hsts", &self.hsts)
            .finish_non_exhaustive()
    }
}
