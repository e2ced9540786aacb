//! Events and their subscribers.

use crate::telemetry::metric::{Metric, When, counter, gauge};

const SUBSCRIBER: &[&str] = &["subscriber"];

pub(super) const METRICS: &[Metric] = &[
    counter("skep_events_placed_total", "Events that this process has given a position in the log.").when(When::Counted),
    counter("skep_events_delivered_total", "Events that a subscriber has passed in this process, also those of kinds that it does not want.")
        .labels(SUBSCRIBER)
        .when(When::Counted),
    counter("skep_events_failed_total", "Events that a subscriber could not handle, so that they were held back.")
        .labels(SUBSCRIBER)
        .when(When::Counted),
    gauge("skep_events_unplaced", "Events of the store that have no position yet, up to 10,000. Counted every 15 seconds.")
        .when(When::Counted),
    gauge("skep_subscription_lag_events", "Events of the log that a subscriber has not passed yet. Counted every 15 seconds.")
        .labels(SUBSCRIBER)
        .when(When::Counted),
    counter(
        "skep_wake_ups_total",
        "Messages of this process that wake the workers of others, by outcome (sent or lost). Only on PostgreSQL and MongoDB.",
    )
    .labels(&["outcome"])
    .when(When::Counted),
    gauge(
        "skep_wake_ups_listening",
        "1 while the workers of this process are woken by others, 0 while they only look every second. Only on PostgreSQL and MongoDB.",
    )
    .when(When::Counted),
    gauge(
        "skep_subscription_held_events",
        "Events that a subscriber holds back, by state (retryable, waiting or parked), up to 10,000. A parked event needs an operator.",
    )
    .labels(&["subscriber", "state"])
    .when(When::Counted),
    gauge(
        "skep_subscription_broken",
        "1 for a subscriber that was so far behind that events were deleted before it got them, otherwise 0.",
    )
    .labels(SUBSCRIBER)
    .when(When::Counted),
];
