//! What a server does beside its requests. Each job has a task, so that none waits for another.

use crate::{Skep, causes::with_causes, telemetry::Metrics};
use futures_util::FutureExt as _;
use skep_application::{
    App,
    operations::{KeyRotation, UnfinishedSweep},
};
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// How often expired rows are ended or deleted. Readers of stock look at the rows that have expired since then.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often the recorder of metrics drops what it no longer needs.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The running jobs.
pub(crate) struct Background {
    jobs: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Background {
    /// Starts the jobs of this instance. They end after `shutdown`.
    pub(crate) fn start(skep: &Arc<Skep>, metrics: Metrics, shutdown: CancellationToken) -> Self {
        let mut background = Self::new(shutdown);
        background.every(UPKEEP_EVERY, move || {
            metrics.run_upkeep();
            std::future::ready(())
        });
        let this = skep.clone();
        background.every(KeyRotation::READ_EVERY, move || read_keys(this.clone()));
        let (app, shutdown) = (skep.app.clone(), background.shutdown.clone());
        background.every(SWEEP_EVERY, move || sweep(app.clone(), shutdown.clone()));
        background
    }

    fn new(shutdown: CancellationToken) -> Self {
        Self { jobs: JoinSet::new(), shutdown }
    }

    /// Runs `job` now, and then once in each period, also after a panic. A run that takes longer than the period delays
    /// the next one.
    fn every<Run>(&mut self, period: Duration, mut job: impl FnMut() -> Run + Send + 'static)
    where
        Run: Future<Output = ()> + Send + 'static,
    {
        let shutdown = self.shutdown.clone();
        self.jobs.spawn(async move {
            let mut times = interval(period);
            times.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => break,
                    _ = times.tick() => {
                        let run = AssertUnwindSafe(async { job().await }).catch_unwind();
                        if let Err(panic) = run.await {
                            let cause = panic.downcast_ref::<&str>().copied().unwrap_or("a panic");
                            tracing::error!(cause, "the background work failed; it is tried again");
                        }
                    }
                }
            }
        });
    }

    /// Waits until every job has ended.
    pub(crate) async fn end(mut self) {
        while let Some(ended) = self.jobs.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the background work failed");
            }
        }
    }
}

async fn read_keys(skep: Arc<Skep>) {
    if let Err(error) = skep.keys.refresh().await {
        let cause = with_causes(&error, ": ");
        tracing::warn!(%cause, "could not read the keys again; those that were read before stay in use");
    }
}

/// Ends or deletes what has expired. After `shutdown`, the row or the batch that has begun is the last one.
async fn sweep(app: Arc<App>, shutdown: CancellationToken) {
    let (swept, failed) = match app.sweep_expired.execute_until(&|| shutdown.is_cancelled()).await {
        Ok(swept) => (swept, None),
        Err(UnfinishedSweep { swept, source }) => (swept, Some(source)),
    };
    for (rows, count) in swept.iter() {
        metrics::counter!("skep_swept_rows_total", "rows" => rows).increment(count);
    }
    if !swept.is_empty() {
        tracing::info!(%swept, "ended what had expired");
    }
    if let Some(error) = failed {
        let cause = with_causes(&error, ": ");
        tracing::warn!(%cause, "could not end all that had expired");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::{Notify, mpsc};

    /// So short that each tick is due at once.
    const AT_ONCE: Duration = Duration::from_nanos(1);

    #[tokio::test]
    async fn a_job_that_takes_long_does_not_hold_up_the_others() {
        let shutdown = CancellationToken::new();
        let mut background = Background::new(shutdown.clone());
        let (begun, mut long_job) = mpsc::unbounded_channel();
        let finish = Arc::new(Notify::new());
        let held = finish.clone();
        background.every(AT_ONCE, move || {
            let (begun, held) = (begun.clone(), held.clone());
            async move {
                let _ = begun.send(());
                held.notified().await;
            }
        });
        long_job.recv().await.unwrap();
        let (done, mut short_job) = mpsc::unbounded_channel();
        background.every(AT_ONCE, move || {
            let _ = done.send(());
            std::future::ready(())
        });
        for _ in 0..3 {
            short_job.recv().await.unwrap();
        }
        // The long job ends before the process does, and does not begin again.
        shutdown.cancel();
        finish.notify_one();
        background.end().await;
        assert!(long_job.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_job_that_panics_runs_again() {
        let shutdown = CancellationToken::new();
        let mut background = Background::new(shutdown.clone());
        let (done, mut job) = mpsc::unbounded_channel();
        background.every(AT_ONCE, move || {
            let _ = done.send(());
            async { panic!("a bug") }
        });
        for _ in 0..3 {
            job.recv().await.unwrap();
        }
        shutdown.cancel();
        background.end().await;
    }

    #[cfg(feature = "testing")]
    #[tokio::test]
    async fn a_sweep_begins_nothing_after_the_shutdown() {
        let kit = crate::testing::TestKit::start().await;
        kit.user("ada").await;
        kit.clock().advance(Duration::from_secs(365 * 24 * 60 * 60));
        let (app, shutdown) = (kit.skep().app.clone(), CancellationToken::new());
        shutdown.cancel();
        sweep(app.clone(), shutdown).await;
        let swept = app.sweep_expired.execute().await.unwrap();
        let networks = swept.iter().find(|(rows, _)| *rows == "lists of known networks");
        assert_eq!(networks, Some(("lists of known networks", 1)), "the row was left");
        kit.stop().await;
    }
}
