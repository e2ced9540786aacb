//! The results of a run, and its cost for the server.

use super::{
    Fault,
    client::{Load, Measured, Observer, Window, run},
    process::{Process, cpu, memory},
};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// An observer that does nothing.
pub(crate) struct Unobserved;

impl Observer for Unobserved {
    fn open(&mut self) {}
    fn close(&mut self) {}
}

/// The CPU time that a process uses while the window is open.
struct Meter {
    process: u32,
    at_open: Duration,
    used: Duration,
    since: Instant,
    open_for: Duration,
}

impl Meter {
    fn new(process: u32) -> Self {
        Self { process, at_open: Duration::ZERO, used: Duration::ZERO, since: Instant::now(), open_for: Duration::ZERO }
    }

    fn now(&self) -> Duration {
        // If the process has ended, missing answers will show it.
        cpu(self.process).unwrap_or_default()
    }
}

impl Observer for Meter {
    fn open(&mut self) {
        self.at_open = self.now();
        self.since = Instant::now();
    }

    fn close(&mut self) {
        self.used = self.now().saturating_sub(self.at_open);
        self.open_for = self.since.elapsed();
    }
}

/// Meters of the server and the client.
struct Both(Meter, Meter);

impl Observer for Both {
    fn open(&mut self) {
        self.0.open();
        self.1.open();
    }

    fn close(&mut self) {
        self.0.close();
        self.1.close();
    }
}

/// Percentiles of the latency, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// The results of one stream of requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) answers: u64,
    /// All answers, including those outside of the window.
    pub(crate) total: u64,
    #[serde(rename = "latency_ms")]
    pub(crate) latency: Latency,
    /// Requests that a busy server refused. They do not count as answers.
    pub(crate) refused: u64,
    /// The number of answers that were not as expected.
    pub(crate) wrong: u64,
    pub(crate) first_wrong: Option<String>,
}

/// The cost of all streams of a run.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// CPU time of the server in seconds per 1,000 answers of all streams.
    pub(crate) server_cpu_per_1000: f64,
    /// Cores that the server kept busy.
    pub(crate) server_cores: f64,
    /// Cores that the client kept busy.
    pub(crate) client_cores: f64,
    /// Resident memory of the server at the end, in bytes.
    pub(crate) server_memory: u64,
}

/// Runs loads against a server.
///
/// # Errors
/// If the server has ended.
pub(crate) fn measure(server: &Process, loads: &mut [Load<'_>], window: Window) -> Result<(Vec<Figures>, Cost), Fault> {
    let mut both = Both(Meter::new(server.id()), Meter::new(std::process::id()));
    let measured = run(loads, window, &mut both)?;
    let server_memory = memory(server.id(), "VmRSS")?;
    server.forget_log()?;
    let answers: u64 = measured.iter().map(|measured| measured.answers).sum();
    let Both(of_server, of_client) = both;
    let open_for = of_server.open_for.as_secs_f64().max(1e-9);
    let cost = Cost {
        server_cpu_per_1000: of_server.used.as_secs_f64() * 1_000.0 / (answers.max(1) as f64),
        server_cores: of_server.used.as_secs_f64() / open_for,
        client_cores: of_client.used.as_secs_f64() / open_for,
        server_memory,
    };
    Ok((measured.into_iter().map(Figures::of).collect(), cost))
}

impl Latency {
    /// The percentiles of recorded nanoseconds.
    pub(crate) fn of(nanos: &Histogram<u64>) -> Self {
        let at = |share: f64| nanos.value_at_quantile(share) as f64 / 1e6;
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1.0) }
    }
}

impl Figures {
    pub(crate) fn of(measured: Measured) -> Self {
        let latency = Latency::of(&measured.latency);
        Self {
            per_second: measured.per_second(),
            answers: measured.answers,
            total: measured.total,
            latency,
            refused: measured.refused,
            wrong: measured.wrong,
            first_wrong: measured.first_wrong,
        }
    }
}
