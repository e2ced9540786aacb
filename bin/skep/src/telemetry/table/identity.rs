//! Passwords that are hashed.

use crate::telemetry::metric::{Metric, counter, gauge};

pub(super) const METRICS: &[Metric] = &[
    gauge("skep_password_hash_running", "Passwords that are being hashed."),
    gauge("skep_password_hash_waiting", "Passwords that wait for a hasher."),
    gauge("skep_password_hash_workers", "How many passwords may be hashed at once."),
    counter(
        "skep_password_hash_rejected_total",
        "Passwords that were not hashed because too many waited, or waited too long.",
    ),
];
