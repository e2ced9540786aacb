//! Storing how attempts ended.

use super::{JobRepository, JobsTx};
use crate::kernel::{Attempt, Begin, Runtime, StoreError, TxMode, run};
use skep_domain::{
    jobs::{Backoff, Job, JobId, Progress, Retry, Ticket},
    shared::{Fenced, LeaseToken, Timestamp},
};
use std::sync::Arc;

/// How a worker lets go of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The work is done, with this output as JSON. An output longer than [`Job::ARGS_MAX`] is left out.
    Complete(Option<String>),
    /// The attempt failed.
    Fail {
        /// Why.
        message: String,
        /// Whether and when the job is tried again.
        retry: Retry,
        /// The pauses between attempts.
        backoff: Backoff,
    },
    /// The job is put off, and the attempt does not count.
    Snooze(Timestamp),
    /// The worker stops, and the attempt does not count.
    HandBack,
    /// The handler has stopped because the job was cancelled.
    Stopped,
}

/// A job that a worker lets go of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledJob {
    /// The job.
    pub id: JobId,
    /// The claim of the worker.
    pub token: LeaseToken,
    /// The ticket with which the worker has got the job, if the row may not have the claim yet.
    pub ticket: Option<Ticket>,
    /// What the handler has reported last. A beat may not have stored it yet, and the next attempt goes on from it.
    pub progress: Option<Progress>,
    /// How the attempt ended.
    pub how: Settlement,
}

impl SettledJob {
    fn apply(&self, job: &mut Job, now: Timestamp, fraction: f64) -> Result<(), Fenced> {
        if let Some(ticket) = self.ticket {
            job.claim_with(ticket, self.token)?;
        }
        if let Some(progress) = self.progress.clone() {
            job.report(self.token, progress)?;
        }
        match self.how.clone() {
            Settlement::Complete(output) => {
                job.complete(self.token, output.filter(|output| output.len() <= Job::ARGS_MAX), now)
            }
            Settlement::Fail { message, retry, backoff } => {
                job.fail(self.token, (message, retry), (backoff, fraction), now)
            }
            Settlement::Snooze(until) => job.snooze(self.token, until, now),
            Settlement::HandBack => job.hand_back(self.token, now),
            Settlement::Stopped => job.stopped(self.token, now),
        }
    }
}

/// Lets go of jobs, in two statements, and returns for each whether the worker still held it. `fraction` is random, for
/// the pauses of those that failed.
///
/// # Errors
/// The store's error.
pub async fn settle(
    jobs: &mut dyn JobRepository,
    settled: &[SettledJob],
    now: Timestamp,
    fraction: f64,
) -> Result<Vec<Result<(), Fenced>>, StoreError> {
    let ids: Vec<_> = settled.iter().map(|job| job.id).collect();
    let mut found = jobs.find_many(&ids).await?;
    let mut changed = vec![];
    let mut results = vec![];
    for (place, settled) in (0_u32..).zip(settled) {
        // Multiples of the golden ratio are spread evenly, so jobs that failed together do not come back together.
        let fraction = (fraction + f64::from(place) * 0.618_033_988_749_895).fract();
        let job = found.iter_mut().find(|job| job.id == settled.id);
        let result = job.ok_or(Fenced).and_then(|job| {
            settled.apply(job, now, fraction)?;
            changed.push(job.clone());
            Ok(())
        });
        results.push(result);
    }
    if !changed.is_empty() {
        jobs.save_many(&changed).await?;
    }
    Ok(results)
}

/// Stores how attempts ended, in one unit of work for all that ended meanwhile.
pub struct SettleJobs {
    store: Arc<dyn Begin<dyn JobsTx>>,
    runtime: Runtime,
}

impl SettleJobs {
    /// Settles in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn JobsTx>>, runtime: Runtime) -> Self {
        Self { store, runtime }
    }

    /// Lets go of these jobs. Returns, in the same order, whether the worker still held each of them. A job that another
    /// worker holds meanwhile stays as it is.
    ///
    /// # Errors
    /// The store's error. After `OutcomeUnknown`, the jobs may be settled; to settle them again is harmless.
    pub async fn execute(&self, settled: &[SettledJob]) -> Result<Vec<Result<(), Fenced>>, StoreError> {
        let (now, fraction) = (self.runtime.clock.now(), self.runtime.random.fraction());
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let results = settle(unit.jobs(), settled, now, fraction).await;
            let unknown = attempt.after_unknown;
            let results = attempt.end(unit, results).await?;
            // The attempt with the unknown outcome has released the jobs that are no longer held by the claim.
            Ok(if unknown { settled.iter().map(|_| Ok(())).collect() } else { results })
        })
        .await
    }
}
