//! Stores the results of jobs, as many at a time as have ended meanwhile.

use crate::running::{Held, WAITING};
use skep_application::{App, jobs::SettledJob, kernel::StoreError};
use skep_domain::jobs::{JobId, QueueName};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A job whose attempt has ended. It keeps its place until the result is stored, so that a store that is away stops the
/// claims, and the memory for results is bounded.
pub(crate) struct Settle {
    pub(crate) job: SettledJob,
    pub(crate) queue: QueueName,
    pub(crate) _held: Held,
    pub(crate) _place: OwnedSemaphorePermit,
}

/// The results that wait to be stored. The settler that runs locks them.
pub(crate) type Results = Arc<Mutex<mpsc::Receiver<Settle>>>;

/// Stores results until `drained`, and then those that have come. A handler that has not ended by then may never do so. If
/// the store is away, results are stored again, after `stop` for at most `patience`. A result that the store refuses for
/// another reason is dropped, so that it does not hold up the others: the lease of its job runs out.
pub(crate) async fn run(
    app: Arc<App>,
    results: Results,
    (stop, drained): (CancellationToken, CancellationToken),
    patience: Duration,
) {
    let mut settled = results.lock().await;
    let mut batch = Vec::with_capacity(WAITING);
    let mut last = None;
    loop {
        if drained.run_until_cancelled(settled.recv_many(&mut batch, WAITING)).await.is_none() {
            settled.close();
            settled.recv_many(&mut batch, WAITING).await;
        }
        if batch.is_empty() {
            break;
        }
        let jobs: Vec<_> = batch.iter().map(|settle| settle.job.clone()).collect();
        let mut pause = FIRST_PAUSE;
        let mut done = BTreeSet::new();
        while let Err(error) = settle(&app, &jobs, &mut done).await {
            tracing::warn!(%error, jobs = jobs.len(), "could not store the results of jobs; they are stored again");
            if stop.is_cancelled() && *last.get_or_insert_with(|| Instant::now() + patience) < Instant::now() {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        give_back(&app, &batch, &done).await;
        batch.clear();
    }
}

/// Gives back the tickets of jobs whose rows have changed. Those of the others are found lost after their term, and the
/// attempt counts.
async fn give_back(app: &App, batch: &[Settle], done: &BTreeSet<JobId>) {
    let Some(take) = &app.jobs.take_jobs else { return };
    let mut claims = BTreeMap::<_, Vec<_>>::new();
    for Settle { job, queue, .. } in batch {
        if job.ticket.is_some() && done.contains(&job.id) {
            claims.entry((queue, job.token)).or_default().push(job.id);
        }
    }
    for ((queue, token), jobs) in claims {
        take.give_back(queue, token, &jobs).await;
    }
}

/// Stores results together, or one by one if the store refuses one of them. `done` gets those that it has not refused.
///
/// # Errors
/// The store is away, or full.
async fn settle(app: &App, jobs: &[SettledJob], done: &mut BTreeSet<JobId>) -> Result<(), StoreError> {
    match app.jobs.settle_jobs.execute(jobs).await {
        Ok(results) => {
            for (job, result) in jobs.iter().zip(results) {
                if result.is_err() {
                    tracing::warn!(job = %job.id, "the result was dropped: another worker holds the job");
                }
            }
            done.extend(jobs.iter().map(|job| job.id));
            Ok(())
        }
        Err(error) if !is_refusal(&error) => Err(error),
        Err(error) => {
            if let [job] = jobs {
                tracing::error!(%error, job = %job.id, "the store refuses the result of a job; it was dropped");
                return Ok(());
            }
            for job in jobs {
                Box::pin(settle(app, std::slice::from_ref(job), done)).await?;
            }
            Ok(())
        }
    }
}

/// Whether the same result would be refused again.
const fn is_refusal(error: &StoreError) -> bool {
    matches!(error, StoreError::Duplicate { .. } | StoreError::Referenced { .. } | StoreError::Corrupt(_))
}
