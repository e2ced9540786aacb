//! Every metric there is: the one table that descriptions, `docs/guides/observe.md` and the tests share.

/// What kind of number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values in buckets.
    Histogram,
}

impl Kind {
    /// The name, as Prometheus has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// When a metric is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// From the start.
    Always,
    /// When there is something to tell.
    Told,
    /// From the first read or write of the store.
    Used,
    /// With the SQLite store, from the first write.
    Sqlite,
    /// With the SQLite and the PostgreSQL store.
    Sql,
    /// With `OTEL_EXPORTER_OTLP_ENDPOINT`.
    Traced,
    /// Where the system tells it.
    System,
}

impl When {
    /// For the document.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Always => "",
            Self::Told => "once it happens",
            Self::Used => "once the store is used",
            Self::Sqlite => "SQLite, once something is written",
            Self::Sql => "SQLite and PostgreSQL",
            Self::Traced => "with traces",
            Self::System => "where the system tells",
        }
    }
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// The unit; empty if things are counted.
    pub unit: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// When it is printed.
    pub when: When,
    /// What it says.
    pub help: &'static str,
}

impl Metric {
    const fn new(name: &'static str, kind: Kind, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind, unit, labels: &[], when: When::Always, help }
    }

    const fn labels(self, labels: &'static [&'static str]) -> Self {
        Self { labels, ..self }
    }

    const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric::new(name, Kind::Counter, "", help)
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric::new(name, Kind::Gauge, "", help)
}

const fn seconds(name: &'static str, help: &'static str) -> Metric {
    Metric::new(name, Kind::Histogram, "seconds", help)
}

const POOL: &[&str] = &["db_client_connection_pool_name"];

/// Every metric, in the order in which they are documented.
pub const METRICS: &[Metric] = &[
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
    // The store.
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
    // Passwords.
    gauge("skep_password_hash_running", "Passwords that are being hashed."),
    gauge("skep_password_hash_waiting", "Passwords that wait for a hasher."),
    gauge("skep_password_hash_workers", "How many passwords may be hashed at once."),
    counter("skep_password_hash_rejected_total", "Passwords that were not hashed because too many waited, or waited too long."),
    // Telemetry itself.
    counter("skep_log_lines_lost_total", "Log lines that were not written because nobody took them in time or the disk was full."),
    counter("skep_trace_spans_total", "Spans by what became of them: exported, or lost because the collector is away or slow.")
        .labels(&["outcome"])
        .when(When::Traced),
    // The process.
    gauge("skep_build_info", "Always 1; the label says which version runs.").labels(&["version"]),
    Metric::new("process_cpu_seconds_total", Kind::Counter, "seconds", "Processor time, of the user and the system."),
    Metric::new("process_resident_memory_bytes", Kind::Gauge, "bytes", "Memory that is resident."),
    Metric::new("process_virtual_memory_bytes", Kind::Gauge, "bytes", "Memory that is addressed."),
    Metric::new("process_virtual_memory_max_bytes", Kind::Gauge, "bytes", "Memory that may be addressed.")
        .when(When::System),
    Metric::new("process_start_time_seconds", Kind::Gauge, "seconds", "When the process started, since 1970."),
    gauge("process_open_fds", "File descriptors that are open."),
    gauge("process_max_fds", "How many file descriptors may be open."),
    gauge("process_threads", "Threads.").when(When::System),
];
