//! Logs and metrics.

use crate::config::LogFormat;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, fmt};

/// Log lines that may wait to be written. More than that are lost and counted: a blocked pipe never blocks a request.
const WAITING_LINES: usize = 8_192;

/// Writes what still waits when it is dropped.
pub(crate) struct Telemetry {
    _guard: WorkerGuard,
    lost: ErrorCounter,
}

impl Telemetry {
    /// Starts logging to the standard error.
    pub(crate) fn start(level: &str, format: LogFormat) -> Self {
        let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING_LINES);
        let (writer, guard) = builder.finish(std::io::stderr());
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
    PrometheusBuilder::new().install_recorder()
}
