//! The recorder of metrics, and the text that `/metrics` returns.

use super::{
    metric::{Kind, When},
    table::METRICS,
};
use metrics::{Counter, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

/// The buckets of durations of requests, in seconds: those that OpenTelemetry recommends, and two lower ones.
const REQUESTS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The buckets of durations in the store, in seconds. SQLite answers within microseconds.
const STORE: &[f64] =
    &[0.000_005, 0.000_01, 0.000_025, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.05, 0.25, 1.0, 5.0];
/// The buckets of durations of jobs, in seconds.
const JOBS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0];
/// The buckets of units of work in a group.
const UNITS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

const STORE_DURATIONS: &[&str] = &[
    "db_client_operation_duration_seconds",
    "skep_unit_of_work_duration_seconds",
    "skep_sqlite_commit_duration_seconds",
];

/// The recorder of the process.
#[derive(Clone)]
pub(crate) struct Metrics {
    handle: PrometheusHandle,
    process: Collector,
    lost_lines: Counter,
}

impl Metrics {
    /// Installs the recorder. Call this before anything counts, because most code asks for its handles once.
    pub(crate) fn start() -> Result<Self, BuildError> {
        let mut builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".to_owned()), REQUESTS)?;
        for name in STORE_DURATIONS {
            builder = builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), STORE)?;
        }
        builder = builder.set_buckets_for_metric(Matcher::Full("skep_job_duration_seconds".to_owned()), JOBS)?;
        builder = builder.set_buckets_for_metric(Matcher::Full("skep_sqlite_group_units".to_owned()), UNITS)?;
        let handle = builder.install_recorder()?;
        describe();
        metrics::gauge!("skep_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(Self { handle, process: Collector::default(), lost_lines: metrics::counter!("skep_log_lines_lost_total") })
    }

    /// Renders the text that Prometheus reads. `lost_lines` is the number of log lines that were not written.
    pub(crate) fn render(&self, lost_lines: u64) -> String {
        self.lost_lines.absolute(lost_lines);
        self.process.collect();
        self.handle.render()
    }

    /// Drops what is no longer needed. Call this every few seconds.
    pub(crate) fn run_upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Describes every metric, and shows those without labels from the start.
fn describe() {
    for metric in METRICS.iter() {
        let unit = match metric.unit {
            "seconds" => Unit::Seconds,
            "bytes" => Unit::Bytes,
            _ => Unit::Count,
        };
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, unit, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, unit, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, unit, metric.help),
        }
        if metric.kind == Kind::Counter && metric.labels.is_empty() && metric.when == When::Always {
            metrics::counter!(metric.name).increment(0);
        }
    }
}

/// The use of a pool of connections, as every store reports it.
pub(crate) struct Pool {
    pub(crate) name: &'static str,
    pub(crate) used: usize,
    pub(crate) idle: usize,
    pub(crate) max: usize,
    /// How many callers wait for a connection, and how many have waited in vain since the start; `None` if the driver
    /// does not count them.
    pub(crate) waiting: Option<(usize, u64)>,
}

impl Pool {
    /// Passes the numbers to the recorder.
    pub(crate) fn record(&self) {
        const POOL: &str = "db_client_connection_pool_name";
        for (state, count) in [("used", self.used), ("idle", self.idle)] {
            let labels = [(POOL, self.name), ("db_client_connection_state", state)];
            metrics::gauge!("db_client_connection_count", &labels).set(number(count));
        }
        metrics::gauge!("db_client_connection_max", POOL => self.name).set(number(self.max));
        if let Some((pending, timeouts)) = self.waiting {
            metrics::gauge!("db_client_connection_pending_requests", POOL => self.name).set(number(pending));
            metrics::counter!("db_client_connection_timeouts_total", POOL => self.name).absolute(timeouts);
        }
    }
}

/// A count as the value of a gauge; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "nothing is counted that far")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}
