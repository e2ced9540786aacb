//! Passwords that are hashed, and keys.

use crate::telemetry::metric::{Kind, Metric, When, counter, gauge};

pub(super) const METRICS: &[Metric] = &[
    gauge("skep_password_hash_running", "Passwords that are being hashed."),
    gauge("skep_password_hash_waiting", "Passwords that wait for a hasher."),
    gauge("skep_password_hash_workers", "The number of passwords that may be hashed at the same time."),
    gauge(
        "skep_password_hash_places",
        "The number of passwords that may wait for a hasher: as many as can be hashed in `SKEP_HASH_WAIT`, by the measured time of a hash.",
    ),
    counter(
        "skep_password_hash_rejected_total",
        "Passwords that were not hashed because too many waited or the wait was too long.",
    ),
    counter(
        "skep_logins_refused_total",
        "Logins that were refused: the address or the password is wrong or the account cannot log in (invalid_credentials), or there were too many wrong passwords (too_many_attempts).",
    )
    .labels(&["reason"])
    .when(When::Counted),
    counter(
        "skep_access_denied_total",
        "Requests that were denied, by the action and the reason: no role of the account allows it (role), the thing belongs to another account (ownership), or the request has no credentials and the action needs an account (needs_account). Not counted are credentials that are not valid, and a 404 that hides a resource.",
    )
    .labels(&["action", "reason"])
    .when(When::Counted),
    counter(
        "skep_refresh_reuse_total",
        "Refresh tokens that were used again after their time. Each has ended its session.",
    )
    .when(When::Counted),
    counter(
        "skep_account_links_used_total",
        "Links from mails that were used: to reset a password, to verify, confirm or restore an address, or to accept an invitation.",
    )
    .when(When::Counted),
    Metric::new(
        "skep_keys_age_seconds",
        Kind::Gauge,
        "seconds",
        "Time since the keys of the deployment were last read. Above 600, tokens of a new key may be refused.",
    ),
];
