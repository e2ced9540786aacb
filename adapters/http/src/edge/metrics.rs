//! The metrics of the edge. Where OpenTelemetry has a name for a metric of HTTP servers, it is used.

use http::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram, SharedString};
use std::{cell::RefCell, collections::HashMap, sync::Arc, time::Duration};

/// The handles of metrics without labels. They are looked up only once.
#[derive(Clone)]
pub(crate) struct EdgeMetrics {
    active_requests: Gauge,
    open_connections: Gauge,
    /// Refused because all places were taken, and because of their network.
    pub(crate) refused_connections: [Counter; 2],
    pub(crate) stalled_connections: Counter,
    pub(crate) replaced_connections: Counter,
    pub(crate) unsent_bytes: Gauge,
    pub(crate) unsent_refusals: Counter,
    pub(crate) panics: Counter,
}

impl EdgeMetrics {
    /// Looks up the handles. The recorder of metrics must be installed before.
    pub(crate) fn new() -> Self {
        Self {
            active_requests: metrics::gauge!("http_server_active_requests"),
            open_connections: metrics::gauge!("http_server_open_connections"),
            refused_connections: ["places", "network"]
                .map(|limit| metrics::counter!("http_server_connections_refused_total", "limit" => limit)),
            stalled_connections: metrics::counter!("http_server_connections_closed_total", "reason" => "stalled"),
            replaced_connections: metrics::counter!("http_server_connections_closed_total", "reason" => "replaced"),
            unsent_bytes: metrics::gauge!("http_server_unsent_bytes"),
            unsent_refusals: metrics::counter!("http_server_unsent_refusals_total"),
            panics: metrics::counter!("http_server_panics_total"),
        }
    }

    /// Counts a request as active until the returned value is dropped.
    pub(crate) fn request(&self) -> Counted {
        Counted::new(&self.active_requests)
    }

    /// Counts a connection as open until the returned value is dropped.
    pub(crate) fn connection(&self) -> Counted {
        Counted::new(&self.open_connections)
    }
}

/// Increments a gauge, and decrements it when it is dropped.
pub(crate) struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// The labels of a series: method, route and status.
type Series = (&'static str, Option<Arc<str>>, Option<StatusCode>);

thread_local! {
    /// The handles that this thread has looked up. A known series needs no lock and no allocation. There are few
    /// series, because every label has few values.
    static DURATIONS: RefCell<HashMap<Series, Histogram>> = RefCell::default();
}

/// Records a request that has ended. An unknown method is `_OTHER`. The route of an unknown path is empty, and so is
/// the status if the client left before there was an answer.
pub(crate) fn record(method: &Method, route: Option<Arc<str>>, status: Option<StatusCode>, duration: Duration) {
    DURATIONS.with_borrow_mut(|known| {
        known.entry((method_label(method), route, status)).or_insert_with_key(histogram).record(duration);
    });
}

fn histogram((method, route, status): &Series) -> Histogram {
    let route = route.clone().map_or(SharedString::const_str(""), SharedString::from);
    let status = status.map_or(SharedString::const_str(""), |status| status.as_str().to_owned().into());
    metrics::histogram!(
        "http_server_request_duration_seconds",
        "http_request_method" => *method,
        "http_route" => route,
        "http_response_status_code" => status,
    )
}

/// The name of the method, or `_OTHER` if the edge does not serve it.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}
