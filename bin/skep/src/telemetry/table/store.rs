//! The store.

use crate::telemetry::metric::{Kind, Metric, When, counter, gauge, seconds};

const POOL: &[&str] = &["db_client_connection_pool_name"];

pub(super) const METRICS: &[Metric] = &[
    seconds(
        "db_client_operation_duration_seconds",
        "Time of an operation of the store: on SQLite a read outside of units of work, on PostgreSQL a statement, on MongoDB a command. An operation outside of units of work includes the wait for a connection.",
    )
    .labels(&["db_system_name", "db_operation_name"])
    .when(When::Used),
    gauge("db_client_connection_count", "Connections to the store by state: used or idle. SQLite has two pools, `reader` and `writer`. The pool `writer` has one connection.")
        .labels(&["db_client_connection_pool_name", "db_client_connection_state"]),
    gauge("db_client_connection_max", "The greatest number of connections.").labels(POOL),
    gauge("db_client_connection_pending_requests", "Operations that wait for a connection. In the pool `writer` of SQLite, units of work that wait for their turn.").labels(POOL).when(When::Sql),
    counter("db_client_connection_timeouts_total", "Operations that failed because they did not get a connection in time.").labels(POOL).when(When::Sql),
    counter("skep_store_errors_total", "Errors of the store by kind. Taken unique values, violated references and stale versions are not counted.")
        .labels(&["db_system_name", "error_type"])
        .when(When::Counted),
    seconds(
        "skep_unit_of_work_duration_seconds",
        "Time of units of work by outcome: committed, rolled_back (refused), retried (aborted, and the use case can try again) or failed (an error, or the caller left).",
    )
    .labels(&["db_system_name", "outcome"])
    .when(When::Used),
    Metric::new(
        "skep_sqlite_group_units",
        Kind::Histogram,
        "units",
        "Units of work in one shared COMMIT.",
    )
    .when(When::Sqlite),
    seconds("skep_sqlite_commit_duration_seconds", "Time of a shared COMMIT. The disk needs most of it.").when(When::Sqlite),
    gauge(
        "skep_sqlite_log_pages",
        "Pages of 4 KiB in the write-ahead log that were not moved into the database file yet.",
    )
    .when(When::Sqlite),
    counter(
        "skep_sqlite_units_expired_total",
        "Units of work that were rolled back because they were open for too long.",
    )
    .when(When::Sqlite),
];
