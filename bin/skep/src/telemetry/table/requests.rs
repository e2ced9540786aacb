//! Requests and their limits.

use crate::telemetry::metric::{Metric, counter, gauge, seconds};

pub(super) const METRICS: &[Metric] = &[
    // Requests.
    seconds(
        "http_server_request_duration_seconds",
        "Time from the head of a request to the last byte of its answer. The route is the template, empty for an unknown path; the status is empty if the client left before there was an answer.",
    )
    .labels(&["http_request_method", "http_route", "http_response_status_code"]),
    gauge("http_server_active_requests", "Requests that are being worked on or answered."),
    gauge("http_server_open_connections", "Connections that are open."),
    counter("http_server_connections_refused_total", "Connections that were refused because there were too many."),
    counter("http_server_panics_total", "Handlers that panicked; the request was answered 500."),
    // Limits.
    counter("skep_rate_limit_decisions_total", "What the limits of requests decided: allowed or limited.")
        .labels(&["limit", "decision"]),
    counter(
        "skep_rate_limit_fallback_total",
        "Decisions that this process took alone because Redis did not answer.",
    ),
];
