//! The store.

use crate::telemetry::metric::{Kind, Metric, When, counter, gauge, seconds};

const POOL: &[&str] = &["db_client_connection_pool_name"];

pub(super) const METRICS: &[Metric] = &[
    seconds(
        "db_client_operation_duration_seconds",
        "Duration of an operation of the store: on SQLite reads outside of units of work, on PostgreSQL all statements, on MongoDB all commands. Outside of a unit of work it includes the wait for a connection.",
    )
    .labels(&["db_system_name", "db_operation_name"])
    .when(When::Used),
    gauge("db_client_connection_count", "Connections to the store, by state: used or idle. SQLite has two pools, `reader` and `writer`; the writer is one.")
        .labels(&["db_client_connection_pool_name", "db_client_connection_state"]),
    gauge("db_client_connection_max", "The most connections of the pool.").labels(POOL),
    gauge("db_client_connection_pending_requests", "Callers that wait for a connection. At the writer of SQLite these are the units of work in its queue.").labels(POOL).when(When::Sql),
    counter("db_client_connection_timeouts_total", "Callers that have waited for a connection in vain.").labels(POOL).when(When::Sql),
    counter("skep_store_errors_total", "Errors of the store by kind. A taken value and a stale version do not count.")
        .labels(&["db_system_name", "error_type"])
        .when(When::Counted),
    seconds(
        "skep_unit_of_work_duration_seconds",
        "Durations of units of work by their outcome: committed; rolled_back after a refusal; retried after an abort that allows a repeat; failed by an error or because the caller has gone.",
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
    seconds("skep_sqlite_commit_duration_seconds", "Time of a shared COMMIT, most of it the disk's.").when(When::Sqlite),
    gauge(
        "skep_sqlite_log_pages",
        "Pages of 4 KiB in the write-ahead log that are not yet in the database file.",
    )
    .when(When::Sqlite),
    counter(
        "skep_sqlite_units_expired_total",
        "Units of work that lost the writer because they were open for too long.",
    )
    .when(When::Sqlite),
];
