//! Logs and metrics.

use crate::{config::LogFormat, log_writer::LogWriter};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, fmt};

/// Log lines that may wait to be written. More than that are lost and counted: a blocked pipe never blocks a request.
const WAITING_LINES: usize = 8_192;

/// The buckets of durations, in seconds: what OpenTelemetry recommends for requests, and two below, because ours are quick.
const BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Writes what still waits when it is dropped.
pub(crate) struct Telemetry {
    _guard: WorkerGuard,
    lost: ErrorCounter,
}

impl Telemetry {
    /// Starts logging to the standard error.
    pub(crate) fn start(level: &str, format: LogFormat) -> Self {
        let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING_LINES);
        let (writer, guard) = builder.finish(LogWriter::new(std::io::stderr()));
        let lost = writer.error_counter();
        let filter = EnvFilter::new(level);
        let lines = fmt().with_env_filter(filter).with_writer(writer);
        // Another subscriber is there already when the program is embedded or tested: that one stays.
        let _ = match format {
            LogFormat::Human => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
            LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        };
        Self { _guard: guard, lost }
    }

    /// The lines that could not be written.
    pub(crate) fn lost_lines(&self) -> u64 {
        u64::try_from(self.lost.dropped_lines()).unwrap_or(u64::MAX)
    }
}

/// Starts counting; the handle renders what was counted.
pub(crate) fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    let durations = Matcher::Suffix("_duration_seconds".to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(durations, BUCKETS)?.install_recorder()
}
