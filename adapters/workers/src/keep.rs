//! The tasks that look after jobs: beats, promotions, rescues.

use crate::{
    WorkerOptions,
    attempt::grace,
    running::{Running, Stop},
};
use skep_application::{App, jobs::TicketCounts};
use skep_domain::jobs::JobId;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often queues are looked for that have jobs but no workers.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Sleeps, and returns whether it slept to the end.
async fn sleep(duration: Duration, stop: &CancellationToken) -> bool {
    stop.run_until_cancelled(tokio::time::sleep(duration)).await.is_some()
}

/// Makes the queues of these workers known, and then, from time to time, those that have jobs but no workers. While the store
/// is away, that is tried again.
pub(crate) async fn open_queues(app: Arc<App>, options: WorkerOptions, stop: CancellationToken) {
    let names: Vec<_> = options.queues.into_iter().map(|(name, _)| name).collect();
    while let Err(error) = app.jobs.open_queues.execute(&names).await {
        tracing::warn!(%error, "could not store the names of the queues; they are stored again");
        if !sleep(app.policies.leases.look_every(), &stop).await {
            return;
        }
    }
    while sleep(LOOK_EVERY, &stop).await {
        match app.jobs.open_queues.open_unserved().await {
            Ok(queues) => {
                for queue in queues {
                    tracing::warn!(%queue, "jobs wait in a queue that no worker has served; start workers for it");
                }
            }
            Err(error) => tracing::warn!(%error, "could not look for queues without workers"),
        }
    }
}

/// Beats for the running jobs, and passes on the requests to stop. If no beat succeeds for as long as others wait for
/// one, the jobs may be taken for lost, and are stopped.
pub(crate) async fn beat(app: Arc<App>, running: Running, stop: CancellationToken) {
    let leases = app.policies.leases;
    let mut succeeded = Instant::now();
    while sleep(leases.beat_every(), &stop).await {
        let beats = running.beats();
        if beats.is_empty() {
            succeeded = Instant::now();
            continue;
        }
        match app.jobs.beat_jobs.execute(&beats).await {
            Ok(results) => {
                succeeded = Instant::now();
                for (beat, result) in beats.iter().zip(results) {
                    match result {
                        Ok(false) => {}
                        Ok(true) => running.ask(beat.id, beat.token, Stop::Cancelled),
                        Err(_) => running.ask(beat.id, beat.token, Stop::Lost),
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "could not beat for the running jobs");
                // Early enough that the handlers have stopped when another worker may run their jobs.
                if succeeded.elapsed() + leases.beat_every() + grace(leases) >= leases.term {
                    running.ask_all(Stop::Lost);
                }
            }
        }
    }
}

/// Makes jobs available when their time has come.
pub(crate) async fn promote(app: Arc<App>, poll: Duration, stop: CancellationToken) {
    loop {
        let wait = match app.jobs.promote_jobs.execute().await {
            // A job that is due and was not promoted is locked by another unit for now.
            Ok((0, wait)) => wait.filter(|wait| !wait.is_zero()).unwrap_or(poll).min(poll),
            Ok((promoted, wait)) => {
                tracing::debug!(promoted, "jobs whose time has come are available");
                wait.unwrap_or(poll).min(poll)
            }
            Err(error) => {
                tracing::warn!(%error, "could not look for jobs whose time has come");
                app.policies.leases.look_every()
            }
        };
        // Another instance may add a job for an earlier time, and so may this one.
        if !sleep(wait, &stop).await {
            break;
        }
    }
}

/// Frees the jobs of workers that no longer live.
pub(crate) async fn rescue(app: Arc<App>, stop: CancellationToken) {
    while sleep(app.policies.leases.look_every(), &stop).await {
        match app.jobs.rescue_jobs.execute().await {
            Ok(rescued) => tell(&rescued),
            Err(error) => tracing::warn!(%error, "could not look for workers that were lost"),
        }
        let (Some(take), Some(rescue)) = (&app.jobs.take_jobs, &app.jobs.rescue_taken) else { continue };
        match rescue.execute().await {
            Ok(rescued) => tell(&rescued),
            // The lanes tell that.
            Err(error) => tracing::debug!(%error, "could not look for workers that were lost with a ticket"),
        }
        for (queue, TicketCounts { waiting, held }) in take.count().await {
            metrics::gauge!("skep_tickets_waiting", "queue" => queue.to_string()).set(number(waiting));
            metrics::gauge!("skep_tickets_held", "queue" => queue.to_string()).set(number(held));
        }
    }
}

fn tell(rescued: &[JobId]) {
    for job in rescued {
        tracing::warn!(%job, "the worker of a job was lost; the job runs again");
    }
    if !rescued.is_empty() {
        metrics::counter!("skep_jobs_rescued_total").increment(rescued.len() as u64);
    }
}

/// A count as metrics have it.
fn number(count: u64) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}
