//! Logs, metrics and traces.

mod export;
mod log_writer;
mod metric;
mod metrics;
mod plain;
mod table;
mod traces;

pub use metric::{Kind, Metric, When};
pub(crate) use metrics::{Metrics, Pool, number};
pub use table::METRICS;
pub(crate) use traces::OpenTelemetry;

use crate::config::{LogFormat, Traces};
use log_writer::LogWriter;
use skep_application::kernel::BoxError;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use traces::{BoxLayer, Recording};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// The most log lines that wait to be written. Lines beyond that are lost and counted, so that a blocked pipe never
/// blocks a request.
const WAITING_LINES: usize = 8_192;

/// The running log and traces. Dropping it writes the lines that still wait.
pub(crate) struct Telemetry {
    _guard: WorkerGuard,
    lost: ErrorCounter,
    unwritten: Arc<AtomicU64>,
    recording: Option<Recording>,
}

impl Telemetry {
    /// Starts to log to the standard error, and to record traces if a collector is configured.
    pub(crate) fn start(level: &str, format: LogFormat, traces: Option<&Traces>) -> Result<Self, BoxError> {
        let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING_LINES);
        let log = LogWriter::new(std::io::stderr());
        let unwritten = log.lost();
        let (writer, guard) = builder.finish(log);
        let lost = writer.error_counter();
        let lines: BoxLayer = match format {
            LogFormat::Human => {
                let layer = fmt::layer().with_writer(writer);
                match std::io::IsTerminal::is_terminal(&std::io::stderr()) {
                    true => layer.with_ansi(true).boxed(),
                    false => layer.with_ansi(false).fmt_fields(plain::PlainFields).boxed(),
                }
            }
            LogFormat::Json => {
                fmt::layer().with_writer(writer).json().flatten_event(true).with_current_span(false).boxed()
            }
        };
        // Spans are for traces alone. Without a collector they are not made.
        let events = filter_fn(|metadata| metadata.is_event()).with_max_level_hint(LevelFilter::TRACE);
        let mut layers = vec![lines.with_filter(EnvFilter::new(level).and(events)).boxed()];
        let mut recording = None;
        if let Some(traces) = traces {
            let (started, layer) = Recording::start(traces)?;
            recording = Some(started);
            layers.push(layer);
        }
        // An embedding program or a test may have installed a subscriber. That one stays.
        let _ = tracing_subscriber::registry().with(layers).try_init();
        Ok(Self { _guard: guard, lost, unwritten, recording })
    }

    /// The number of lines that were lost or could not be written.
    pub(crate) fn lost_lines(&self) -> u64 {
        let untaken = u64::try_from(self.lost.dropped_lines()).unwrap_or(u64::MAX);
        untaken.saturating_add(self.unwritten.load(Ordering::Relaxed))
    }

    /// Whether traces are recorded.
    pub(crate) const fn records_traces(&self) -> bool {
        self.recording.is_some()
    }

    /// Sends the last spans, and waits for that only a short time.
    pub(crate) async fn end(&self) {
        if let Some(recording) = &self.recording {
            recording.end().await;
        }
    }
}
