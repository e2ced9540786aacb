//! Requests and their limits.

use crate::telemetry::metric::{Metric, counter, gauge, seconds};

pub(super) const METRICS: &[Metric] = &[
    // Requests.
    seconds(
        "http_server_request_duration_seconds",
        "Duration from the head of a request to the last byte of its answer. The route is the template, or empty for an unknown path. The status is empty if the client left before the answer.",
    )
    .labels(&["http_request_method", "http_route", "http_response_status_code"]),
    gauge("http_server_active_requests", "Requests that are not answered completely yet."),
    gauge("http_server_open_connections", "Connections that are open."),
    counter("http_server_connections_refused_total", "Connections that were refused because too many were open."),
    counter("http_server_panics_total", "Handlers that panicked; the request was answered 500."),
    // Limits.
    counter("skep_rate_limit_decisions_total", "Decisions of the limits of requests: allowed or limited.")
        .labels(&["limit", "decision"]),
    counter(
        "skep_rate_limit_fallback_total",
        "Decisions of this process alone, because Redis did not answer.",
    ),
];
