//! Calls to servers outside.

use crate::telemetry::metric::{Metric, When, gauge, seconds};

pub(super) const METRICS: &[Metric] = &[
    seconds(
        "skep_outbound_call_duration_seconds",
        "Time of a call to a server outside, such as `smtp` or `scanner`, by outcome: done, refused (the server works), failed (the server does not answer or cannot work) or not_tried (it has failed too often).",
    )
    .labels(&["provider", "outcome"])
    .when(When::Counted),
    gauge(
        "skep_outbound_breaker_open",
        "Whether calls to a server outside are refused at once because it has failed too often: 0 or 1.",
    )
    .labels(&["provider"])
    .when(When::Counted),
];
