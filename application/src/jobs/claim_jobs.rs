//! Giving available jobs to a worker.

use super::JobsTx;
use crate::kernel::{Attempt, Begin, Runtime, StoreError, TxMode, run};
use skep_domain::{
    jobs::{Job, JobId, QueueName},
    shared::{LeaseToken, Timestamp, Version},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Gives available jobs to a worker.
pub struct ClaimJobs {
    store: Arc<dyn Begin<dyn JobsTx>>,
    runtime: Runtime,
}

/// One claim. If the outcome of its commit is unknown, the same claim is executed again: it looks for the jobs that it
/// has tried to get, and neither forgets one that it holds nor takes others.
pub struct JobClaim<'a> {
    by: &'a ClaimJobs,
    queue: QueueName,
    limit: u32,
    token: LeaseToken,
    /// The jobs of the unit with the unknown outcome, with the versions that they had before.
    unsettled: Mutex<Vec<(JobId, Version)>>,
}

impl ClaimJobs {
    /// Claims from this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn JobsTx>>, runtime: Runtime) -> Self {
        Self { store, runtime }
    }

    /// A claim of at most `limit` jobs of the queue, in their order. A paused queue gives none.
    #[must_use]
    pub fn prepare(&self, queue: &QueueName, limit: u32) -> JobClaim<'_> {
        let token = LeaseToken::new(self.runtime.ids.next());
        JobClaim { by: self, queue: queue.clone(), limit, token, unsettled: Mutex::default() }
    }
}

impl JobClaim<'_> {
    /// Claims the jobs, and returns those that the worker now holds.
    ///
    /// # Errors
    /// The store's error. If the claim then [is unsettled](Self::is_unsettled), execute it again.
    pub async fn execute(&self) -> Result<Vec<Job>, StoreError> {
        let now = self.by.runtime.clock.now();
        run(&self.by.runtime, None, |attempt: Attempt| self.attempt(attempt, now)).await
    }

    /// Whether the store may have given jobs to the claim that it has not returned. If it is not executed again, their
    /// leases run out.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        !self.unsettled().is_empty()
    }

    fn unsettled(&self) -> MutexGuard<'_, Vec<(JobId, Version)>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(&self, attempt: Attempt, now: Timestamp) -> Result<Vec<Job>, StoreError> {
        let mut unit = self.by.store.begin(TxMode::Write, &[]).await?;
        let mut tried = vec![];
        let claimed = async {
            let (held, mut free) = self.find(&mut *unit).await?;
            tried.extend(free.iter().map(|job| (job.id, job.version)));
            free.retain_mut(|job| job.claim(self.token, now));
            if !free.is_empty() {
                unit.jobs().save_many(&free).await?;
            }
            for job in &mut free {
                job.version = job.version.next();
            }
            Ok([held, free].concat())
        };
        let claimed = claimed.await.map_err(another_claimed);
        let ended = attempt.end(unit, claimed).await;
        let mut unsettled = self.unsettled();
        match &ended {
            Ok(_) => unsettled.clear(),
            // After an earlier unknown outcome, `tried` has only the jobs that this attempt has found free.
            Err(StoreError::OutcomeUnknown(_)) if unsettled.is_empty() => *unsettled = tried,
            Err(_) => {}
        }
        ended
    }

    /// The jobs that the claim holds already, and those that it may take. After an unknown outcome, these are the jobs
    /// of that unit which no one has changed since. To lock or to save them waits for that unit, or collides with it.
    async fn find(&self, unit: &mut dyn JobsTx) -> Result<(Vec<Job>, Vec<Job>), StoreError> {
        let unsettled = self.unsettled().clone();
        if unsettled.is_empty() {
            let queue = unit.queues().find(&self.queue).await?;
            return match queue {
                Some(queue) if queue.paused_at.is_some() => Ok((vec![], vec![])),
                _ => Ok((vec![], unit.jobs().list_available(&self.queue, self.limit).await?)),
            };
        }
        let ids: Vec<_> = unsettled.iter().map(|(id, _)| *id).collect();
        let found = unit.jobs().find_many(&ids).await?;
        let (held, mut free): (Vec<_>, Vec<_>) = found.into_iter().partition(|job| job.is_held_by(self.token));
        free.retain(|job| unsettled.contains(&(job.id, job.version)));
        Ok((held, free))
    }
}

/// Two claims at once may choose jobs with the same ordering key. The second one is tried again.
fn another_claimed(error: StoreError) -> StoreError {
    match error {
        StoreError::Duplicate { constraint } if constraint == super::constraints::JOB_RUNNING_KEY => {
            StoreError::Retry("another worker has claimed a job with the same ordering key".into())
        }
        error => error,
    }
}
