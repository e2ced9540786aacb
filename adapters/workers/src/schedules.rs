//! The task that fires schedules.

use skep_application::{
    App,
    jobs::{FireReport, FiredSchedule},
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The pause after an error.
const PAUSE: Duration = Duration::from_secs(5);

/// Fires schedules until `stop`. Between two looks, it sleeps until the next fire time, but no longer than `poll`: another
/// instance may store a schedule, and the wall clock may jump. A schedule that this instance stores wakes it at once.
pub(crate) async fn fire(app: Arc<App>, poll: Duration, stop: CancellationToken) {
    loop {
        let seen = app.ports.store.signals().schedules.seen();
        let wait = match app.jobs.fire_schedules.execute().await {
            Ok(report) => {
                record(&report);
                wait(&report, poll)
            }
            Err(error) => {
                tracing::warn!(%error, "could not look for schedules whose time has come");
                PAUSE
            }
        };
        let signal = app.ports.store.signals().schedules.later_than(seen);
        if stop.run_until_cancelled(timeout(wait, signal)).await.is_none() {
            break;
        }
    }
}

/// How long to sleep. A schedule that is due and was not fired is locked by another unit, or has failed.
fn wait(report: &FireReport, poll: Duration) -> Duration {
    let is_busy = report.fired.is_empty() && report.wait == Some(Duration::ZERO);
    if is_busy { poll } else { report.wait.unwrap_or(poll).min(poll) }
}

fn record(report: &FireReport) {
    for FiredSchedule { schedule, delays, skipped } in &report.fired {
        let (name, fired) = (&schedule.name, delays.len());
        tracing::debug!(schedule = %name, fired, skipped, "a schedule has fired");
        metrics::counter!("skep_schedules_fired_total").increment(fired as u64);
        metrics::counter!("skep_schedules_skipped_total").increment(*skipped);
        for delay in delays {
            metrics::histogram!("skep_schedules_delay_seconds").record(*delay);
        }
        if *skipped > 0 {
            tracing::info!(schedule = %name, skipped, "fire times of a schedule made no job");
        }
    }
    for (schedule, error) in &report.failed {
        metrics::counter!("skep_schedules_failed_total").increment(1);
        tracing::warn!(%schedule, %error, "a schedule could not be fired; that is tried again");
    }
}
