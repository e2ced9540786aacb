//! The handler of the measured jobs, and the gauge that it passes.

use crate::bench::{
    Fault,
    client::{Measured, Window, latencies},
    measure::{Cost, Figures},
    process::{cpu, memory},
};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use skep_application::{
    App,
    jobs::{JobError, JobHandler, JobRun, JobsTx, Outcome, enqueue_internal, job_for},
    kernel::{Actor, Begin, Claimed, IdempotencyClaim, IdempotencyKey, StoreError, TxMode},
};
use skep_domain::jobs::JobId;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// How long the jobs that were stored may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The jobs of a window: how many, how long after they were stored, and at which cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Timed {
    pub(crate) figures: Figures,
    pub(crate) cost: Cost,
}

/// Counts the jobs that pass, and records how long they took while a window is open.
pub(super) struct Gauge {
    origin: Instant,
    passed: AtomicU64,
    window: Mutex<Option<Histogram<u64>>>,
}

impl Gauge {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { origin: Instant::now(), passed: AtomicU64::new(0), window: Mutex::default() })
    }

    /// The time in nanoseconds.
    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Option<Histogram<u64>>> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self, since: u64) {
        self.passed.fetch_add(1, Ordering::Relaxed);
        if let Some(latency) = &mut *self.window() {
            latency.saturating_record(self.now().saturating_sub(since).max(1));
        }
    }

    /// Measures for the length of a window.
    ///
    /// # Errors
    /// If the system does not say what the process costs.
    pub(super) async fn measure(&self, window: Window) -> Result<Timed, Fault> {
        let id = std::process::id();
        tokio::time::sleep(window.warm_up).await;
        let (start, before) = (Instant::now(), cpu(id)?);
        *self.window() = Some(latencies()?);
        tokio::time::sleep(window.length).await;
        let latency = self.window().take().ok_or("the window was closed")?;
        let (seconds, used) = (start.elapsed().as_secs_f64(), cpu(id)?.saturating_sub(before).as_secs_f64());
        let answers = latency.len();
        let measured = Measured {
            answers,
            total: self.passed.load(Ordering::Relaxed),
            seconds,
            latency,
            refused: 0,
            wrong: 0,
            first_wrong: None,
        };
        let cost = Cost {
            server_cpu_per_1000: used * 1_000.0 / answers.max(1) as f64,
            server_cores: used / seconds,
            client_cores: 0.0,
            server_memory: memory(id, "VmRSS")?,
        };
        Ok(Timed { figures: Figures::of(measured), cost })
    }

    /// Waits until so many jobs have passed.
    ///
    /// # Errors
    /// If some are missing after a minute.
    pub(super) async fn wait_for(&self, stored: u64) -> Result<(), Fault> {
        let start = Instant::now();
        loop {
            let passed = self.passed.load(Ordering::Relaxed);
            if passed == stored {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("{passed} of {stored} jobs have run").into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Runs jobs. Its arguments are the time at which the job was stored.
pub(super) struct Step {
    pub(super) app: Arc<App>,
    pub(super) gauge: Arc<Gauge>,
    /// Gets a permit for each job that has run.
    pub(super) room: Arc<Semaphore>,
    pub(super) has_effect: bool,
}

impl JobHandler for Step {
    const KIND: &'static str = "bench.step";
    type Args = u64;

    async fn run(&self, job: &JobRun, since: u64) -> Result<Outcome, JobError> {
        let outcome =
            if self.has_effect { self.settle(job).await.map_err(JobError::later)? } else { Outcome::Complete(None) };
        self.gauge.pass(since);
        self.room.add_permits(1);
        Ok(outcome)
    }
}

impl Step {
    /// Completes the job in the unit of its effect, a row with its id.
    async fn settle(&self, job: &JobRun) -> Result<Outcome, StoreError> {
        let begin: &dyn Begin<dyn JobsTx> = &*self.app.ports.store;
        let now = self.app.ports.runtime.clock.now();
        let key = IdempotencyKey::parse(&job.id().to_string()).map_err(StoreError::unreadable)?;
        let principal = job.id().uuid();
        let claim = IdempotencyClaim { principal, use_case: Self::KIND, key, fingerprint: [0; 32], now };
        let mut unit = begin.begin(TxMode::Write, &[]).await?;
        if unit.idempotency().claim(&claim).await? != Claimed::New {
            return Err(StoreError::Corrupt("the job has run before".into()));
        }
        job.complete_in(unit.jobs(), None, now).await?;
        unit.commit().await?;
        Ok(Outcome::Settled)
    }
}

/// Stores jobs in one unit of work.
///
/// # Errors
/// The store's error.
pub(super) async fn store(app: &App, gauge: &Gauge, jobs: u32) -> Result<(), Fault> {
    let begin: &dyn Begin<dyn JobsTx> = &*app.ports.store;
    let (actor, now, since) = (Actor::system(Step::KIND), app.ports.runtime.clock.now(), gauge.now());
    let mut unit = begin.begin(TxMode::Write, &[]).await?;
    for _ in 0..jobs {
        let id = JobId::new(app.ports.runtime.ids.next());
        enqueue_internal(unit.jobs(), id, job_for::<Step>(&since)?, &actor, now).await?;
    }
    unit.commit().await?;
    Ok(())
}
