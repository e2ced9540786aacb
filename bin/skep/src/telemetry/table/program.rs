//! Telemetry itself, and the process.

use crate::telemetry::metric::{Kind, Metric, When, counter, gauge};

pub(super) const METRICS: &[Metric] = &[
    // Telemetry itself.
    counter(
        "skep_log_lines_lost_total",
        "Log lines that were lost because the reader of the log was too slow or the disk was full.",
    ),
    counter(
        "skep_trace_spans_total",
        "Spans by their outcome: exported, or lost because the collector is absent or slow.",
    )
    .labels(&["outcome"])
    .when(When::Traced),
    // The process.
    gauge("skep_build_info", "Always 1. The label is the running version.").labels(&["version"]),
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
