//! Requests and their limits.

use crate::telemetry::metric::{Metric, counter, gauge, seconds};

pub(super) const METRICS: &[Metric] = &[
    // Requests.
    seconds(
        "http_server_request_duration_seconds",
        "Time from the head of a request to the last byte of its answer. The route is the template and is empty for an unknown path. The status is empty if the client left before there was an answer.",
    )
    .labels(&["http_request_method", "http_route", "http_response_status_code"]),
    gauge("http_server_active_requests", "Requests whose answer is not complete yet."),
    gauge("http_server_open_connections", "Open connections."),
    counter("http_server_connections_refused_total", "Connections that were refused because too many were open."),
    counter("http_server_panics_total", "Requests that were answered 500 because their handler panicked."),
    // Limits.
    counter("skep_rate_limit_decisions_total", "Decisions of the limits of requests: allowed or limited.")
        .labels(&["limit", "decision"]),
    counter(
        "skep_rate_limit_fallback_total",
        "Decisions that the process made with its own counters because Redis did not answer.",
    ),
];
