//! Requests and their limits.

use crate::telemetry::metric::{Kind, Metric, When, counter, gauge, seconds};

pub(super) const METRICS: &[Metric] = &[
    // Requests.
    seconds(
        "http_server_request_duration_seconds",
        "Time from the head of a request to the last byte of its answer. The route is the template and is empty for an unknown path. The status is empty if the client left before there was an answer.",
    )
    .labels(&["http_request_method", "http_route", "http_response_status_code"]),
    gauge("http_server_active_requests", "Requests whose answer is not complete yet."),
    gauge("http_server_open_connections", "Open connections."),
    counter(
        "http_server_connections_refused_total",
        "Connections that were refused because all places were taken, or because their network had as many as it may have.",
    )
    .labels(&["limit"]),
    counter(
        "http_server_connections_closed_total",
        "Connections that were closed because their client did not read an answer (stalled), or to make room for a new one (replaced).",
    )
    .labels(&["reason"]),
    Metric::new(
        "http_server_unsent_bytes",
        Kind::Gauge,
        "bytes",
        "Room that requests hold for their answers, until these are written to the socket.",
    ),
    counter("http_server_unsent_refusals_total", "Requests that were answered 503 because there was no room for an answer."),
    counter(
        "http_server_access_lines_left_out_total",
        "Lines of the log that were left out of the sample of requests that a client can make at will: of the access log, and causes of failed requests (failure).",
    )
    .labels(&["kind"]),
    Metric::new(
        "http_server_received_body_bytes",
        Kind::Gauge,
        "bytes",
        "Received bytes of request bodies whose requests are not answered yet, in steps of 4 KiB.",
    ),
    counter(
        "http_server_request_bodies_refused_total",
        "Request bodies that were refused while they arrived: too large, too slow (timeout), in too many small pieces, or above the limit of the bytes that all requests (memory) or those of one network or user may hold together.",
    )
    .labels(&["reason"]),
    gauge("http_server_requests_in_work", "Requests that have a place among those that are worked on at the same time."),
    gauge("http_server_requests_waiting", "Requests that wait for such a place."),
    counter(
        "http_server_work_refusals_total",
        "Requests that were answered 503 because too many requests of their network waited, or because they waited until their deadline.",
    ),
    counter("http_server_panics_total", "Requests that were answered 500 because their handler panicked."),
    // Limits.
    counter("skep_rate_limit_decisions_total", "Decisions of the limits of requests: allowed or limited.")
        .labels(&["limit", "decision"]),
    counter(
        "skep_rate_limited_requests_total",
        "Requests that were answered 429, by the operation in the OpenAPI document. It is empty for a path or method without one.",
    )
    .labels(&["operation"])
    .when(When::Counted),
    counter(
        "skep_rate_limit_fallback_total",
        "Decisions that the process made with its own counters because Redis did not answer.",
    ),
];
