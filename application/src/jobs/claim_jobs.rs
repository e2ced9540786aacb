//! Giving available jobs to a worker.

use super::{JobsTx, constraints::JOB_RUNNING_KEY};
use crate::kernel::{Attempt, Begin, Runtime, StoreError, TxMode, run};
use skep_domain::{
    jobs::{Concurrency, Job, JobId, QueueId, QueueName},
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

    /// A claim of at most `limit` jobs of the queue, in their order. A paused queue gives none, and one with a limit no more
    /// than may run (J12).
    #[must_use]
    pub fn prepare(&self, queue: &QueueName, limit: u32) -> JobClaim<'_> {
        let token = LeaseToken::new(self.runtime.ids.next());
        JobClaim { by: self, queue: queue.clone(), limit, token, unsettled: Mutex::default() }
    }

    /// A claim of this available job, if it has not changed since it was read. If another job with its ordering key runs, it
    /// gets nothing.
    #[must_use]
    pub fn prepare_one(&self, job: &Job) -> JobClaim<'_> {
        let token = LeaseToken::new(self.runtime.ids.next());
        let unsettled = Mutex::new(vec![(job.id, job.version)]);
        JobClaim { by: self, queue: job.queue.clone(), limit: 1, token, unsettled }
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
        let unsettled = self.unsettled().clone();
        let mut tried = vec![];
        let claimed = async {
            let (held, mut free) = self.find(&mut *unit, &unsettled).await?;
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
        let claimed = match claimed.await {
            // Two claims at once may choose jobs with the same ordering key. The second one is tried again. After an unknown
            // outcome, the other job proves that the unit was not stored, and may run for long.
            Err(error @ StoreError::Duplicate { constraint: JOB_RUNNING_KEY }) => {
                if !unsettled.is_empty() {
                    self.unsettled().clear();
                    return Ok(vec![]);
                }
                Err(StoreError::Retry(error.into()))
            }
            claimed => claimed,
        };
        let ended = attempt.end(unit, claimed).await;
        match &ended {
            Ok(_) => self.unsettled().clear(),
            // After an earlier unknown outcome, `tried` has only the jobs that this attempt has found free.
            Err(StoreError::OutcomeUnknown(_)) if unsettled.is_empty() => *self.unsettled() = tried,
            Err(_) => {}
        }
        ended
    }

    /// The jobs that the claim holds already, and those that it may take. After an unknown outcome, these are the jobs
    /// of that unit which no one has changed since. To lock or to save them, or to hold their queue, waits for that unit or
    /// collides with it.
    async fn find(
        &self,
        unit: &mut dyn JobsTx,
        unsettled: &[(JobId, Version)],
    ) -> Result<(Vec<Job>, Vec<Job>), StoreError> {
        let queue = unit.queues().find(&self.queue).await?;
        let is_paused = queue.as_ref().is_some_and(|queue| queue.paused_at.is_some());
        if is_paused && unsettled.is_empty() {
            return Ok((vec![], vec![]));
        }
        let room = match queue.and_then(|queue| Some((queue.id, queue.concurrency?))) {
            None => self.limit,
            Some((queue, concurrency)) => self.room(unit, queue, concurrency).await?.min(self.limit),
        };
        if unsettled.is_empty() {
            let free = if room == 0 { vec![] } else { unit.jobs().list_available(&self.queue, room).await? };
            return Ok((vec![], free));
        }
        let ids: Vec<_> = unsettled.iter().map(|(id, _)| *id).collect();
        let found = unit.jobs().find_many(&ids).await?;
        let (held, mut free): (Vec<_>, Vec<_>) = found.into_iter().partition(|job| job.is_held_by(self.token));
        free.retain(|job| unsettled.contains(&(job.id, job.version)));
        free.truncate(room as usize);
        Ok((held, free))
    }

    /// How many further jobs of a queue with a limit may run. The units that claim from it hold it one after the other, so
    /// each of them counts what those before it have claimed (J12).
    async fn room(&self, unit: &mut dyn JobsTx, queue: QueueId, limit: Concurrency) -> Result<u32, StoreError> {
        unit.queues().hold(queue).await?;
        Ok(limit.room(unit.jobs().count_running(&self.queue, limit.get()).await?))
    }
}
