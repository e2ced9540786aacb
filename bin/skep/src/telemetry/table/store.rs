//! The store.

use crate::telemetry::metric::{Kind, Metric, When, counter, gauge, seconds};

const POOL: &[&str] = &["db_client_connection_pool_name"];

pub(super) const METRICS: &[Metric] = &[
    seconds(
        "db_client_operation_duration_seconds",
        "Time of an operation of the store, the wait for a connection included where one is made by itself: on SQLite reads outside of units of work, on PostgreSQL every statement, on MongoDB every command.",
    )
    .labels(&["db_system_name", "db_operation_name"])
    .when(When::Used),
    gauge("db_client_connection_count", "Connections to the store, by state: used or idle. SQLite has two pools, `reader` and `writer`; the writer is one.")
        .labels(&["db_client_connection_pool_name", "db_client_connection_state"]),
    gauge("db_client_connection_max", "How many connections there may be.").labels(POOL),
    gauge("db_client_connection_pending_requests", "How many wait for a connection; at SQLite's writer, the queue of those who write.").labels(POOL).when(When::Sql),
    counter("db_client_connection_timeouts_total", "How many have waited for a connection in vain.").labels(POOL).when(When::Sql),
    counter("skep_store_errors_total", "Errors of the store by kind; a taken value and a stale version are none.")
        .labels(&["db_system_name", "error_type"])
        .when(When::Told),
    seconds(
        "skep_unit_of_work_duration_seconds",
        "Units of work by how they ended: committed; rolled_back for a refusal; retried, aborted in a way that lets the use case try again; failed, by an error or because the caller has gone.",
    )
    .labels(&["db_system_name", "outcome"])
    .when(When::Used),
    Metric::new(
        "skep_sqlite_group_units",
        Kind::Histogram,
        "units",
        "Units of work that one shared COMMIT has stored.",
    )
    .when(When::Sqlite),
    seconds("skep_sqlite_commit_duration_seconds", "Time of a shared COMMIT, most of it the disk's.").when(When::Sqlite),
    gauge(
        "skep_sqlite_log_pages",
        "Pages of 4 KiB in the write-ahead log that are not moved into the database file yet.",
    )
    .when(When::Sqlite),
    counter(
        "skep_sqlite_units_expired_total",
        "Units of work that lost the writer because they were open for too long.",
    )
    .when(When::Sqlite),
];
