//! Telemetry itself, and the process.

use crate::telemetry::metric::{Kind, Metric, When, counter, gauge};

pub(super) const METRICS: &[Metric] = &[
    // Telemetry itself.
    counter(
        "skep_log_lines_lost_total",
        "Log lines that were lost because standard error was not read in time or could not be written.",
    ),
    counter(
        "skep_trace_spans_total",
        "Spans that were exported, and spans that were lost because the collector did not take them.",
    )
    .labels(&["outcome"])
    .when(When::Traced),
    // The sweep.
    counter("skep_swept_rows_total", "Rows that were deleted or ended because their time was over, by kind.")
        .labels(&["rows"])
        .when(When::Counted),
    // The process.
    gauge("skep_build_info", "Always 1. The label is the version of the program.").labels(&["version"]),
    Metric::new("process_cpu_seconds_total", Kind::Counter, "seconds", "Processor time in user and system mode."),
    Metric::new("process_resident_memory_bytes", Kind::Gauge, "bytes", "Resident memory."),
    Metric::new("process_virtual_memory_bytes", Kind::Gauge, "bytes", "Virtual memory."),
    Metric::new("process_virtual_memory_max_bytes", Kind::Gauge, "bytes", "The limit of virtual memory.")
        .when(When::System),
    Metric::new(
        "process_start_time_seconds",
        Kind::Gauge,
        "seconds",
        "The time at which the process started, since 1970.",
    ),
    gauge("process_open_fds", "File descriptors that are open."),
    gauge("process_max_fds", "The limit of open file descriptors."),
    gauge("process_threads", "Threads of the process.").when(When::System),
];
