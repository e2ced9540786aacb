//! What a worker does to jobs that are held or that wait: it proves that it lives, and looks after those of workers that
//! do not.

use super::{JobQueries, JobsTx};
use crate::kernel::{Attempt, Begin, Runtime, StoreError, TxMode, run};
use skep_domain::{
    jobs::{Job, JobId, Progress, Ticket},
    shared::{Fenced, HeldRows, Lease, LeaseToken, Timestamp},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The greatest number of jobs that one unit of work promotes or rescues.
const BATCH: u32 = 100;

/// A beat of a worker for one of its jobs.
#[derive(Debug, Clone)]
pub struct Beat {
    /// The job.
    pub id: JobId,
    /// The claim of the worker.
    pub token: LeaseToken,
    /// The ticket with which the worker has got the job, if the row may not have the claim yet.
    pub ticket: Option<Ticket>,
    /// What the handler has reported last, if it has reported anything.
    pub progress: Option<Progress>,
}

/// Stores the beats of workers.
pub struct BeatJobs {
    store: Arc<dyn Begin<dyn JobsTx>>,
    runtime: Runtime,
}

impl BeatJobs {
    /// Stores the beats in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn JobsTx>>, runtime: Runtime) -> Self {
        Self { store, runtime }
    }

    /// Stores these beats. The first one of a worker with a ticket claims the job (J13). Returns, in the same order, whether the job is to be stopped because a caller has cancelled
    /// it, or [`Fenced`] if the worker no longer holds it.
    ///
    /// # Errors
    /// The store's error.
    pub async fn execute(&self, beats: &[Beat]) -> Result<Vec<Result<bool, Fenced>>, StoreError> {
        let ids: Vec<_> = beats.iter().map(|beat| beat.id).collect();
        let ids = &ids;
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let beaten = async {
                let mut jobs = unit.jobs().find_many(ids).await?;
                let (mut changed, mut results) = (vec![], vec![]);
                for beat in beats {
                    let job = jobs.iter_mut().find(|job| job.id == beat.id);
                    results.push(job.ok_or(Fenced).and_then(|job| {
                        if let Some(ticket) = beat.ticket {
                            job.claim_with(ticket, beat.token)?;
                        }
                        let cancelled = job.beat(beat.token)?;
                        if let Some(progress) = beat.progress.clone() {
                            job.report(beat.token, progress)?;
                        }
                        changed.push(job.clone());
                        Ok(cancelled)
                    }));
                }
                if !changed.is_empty() {
                    unit.jobs().save_many(&changed).await?;
                }
                Ok(results)
            };
            let beaten = beaten.await;
            attempt.end(unit, beaten).await
        })
        .await
    }
}

/// Makes jobs available whose time has come.
pub struct PromoteJobs {
    store: Arc<dyn Begin<dyn JobsTx>>,
    queries: Arc<dyn JobQueries>,
    runtime: Runtime,
}

impl PromoteJobs {
    /// Promotes in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn JobsTx>>, queries: Arc<dyn JobQueries>, runtime: Runtime) -> Self {
        Self { store, queries, runtime }
    }

    /// Promotes at most 100 jobs, and returns how many, and how long the next one has to wait after these. Without a
    /// waiting job that is `None`.
    ///
    /// # Errors
    /// The store's error.
    pub async fn execute(&self) -> Result<(usize, Option<Duration>), StoreError> {
        let now = self.runtime.clock.now();
        let due = self.queries.next_ready_at().await?;
        let promoted = if due.is_some_and(|due| due <= now) { self.promote().await? } else { 0 };
        let due = if promoted == 0 { due } else { self.queries.next_ready_at().await? };
        let wait =
            |due: Timestamp| Duration::from_millis(u64::try_from(due.as_millis() - now.as_millis()).unwrap_or(0));
        Ok((promoted, due.map(wait)))
    }

    async fn promote(&self) -> Result<usize, StoreError> {
        let now = self.runtime.clock.now();
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let promoted = async {
                let mut jobs = unit.jobs().list_due(now, BATCH).await?;
                jobs.retain_mut(|job| job.promote(now));
                if !jobs.is_empty() {
                    unit.jobs().save_many(&jobs).await?;
                }
                Ok(jobs.len())
            };
            let promoted = promoted.await;
            attempt.end(unit, promoted).await
        })
        .await
    }
}

/// Frees the jobs of workers that no longer live.
pub struct RescueJobs {
    store: Arc<dyn Begin<dyn JobsTx>>,
    queries: Arc<dyn JobQueries>,
    runtime: Runtime,
    seen: Mutex<HeldRows<JobId>>,
}

impl RescueJobs {
    /// Rescues in this store the jobs whose workers have not beaten for `term`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Begin<dyn JobsTx>>,
        queries: Arc<dyn JobQueries>,
        runtime: Runtime,
        term: Duration,
    ) -> Self {
        Self { store, queries, runtime, seen: Mutex::new(HeldRows::new(term)) }
    }

    /// Compares the running jobs with those of earlier calls, frees those whose workers have not beaten for the term,
    /// and returns them. Call it several times in each term.
    ///
    /// # Errors
    /// The store's error.
    pub async fn execute(&self) -> Result<Vec<JobId>, StoreError> {
        let held = self.queries.list_held().await?;
        let now = self.runtime.clock.monotonic();
        let expired = self.seen.lock().unwrap_or_else(PoisonError::into_inner).observe(now, held);
        let mut rescued = vec![];
        for some in expired.chunks(BATCH as usize) {
            match self.rescue(some, false).await {
                Ok(ids) => rescued.extend(ids),
                // Another job has got the unique key of one of these while that one ran. It goes on without the key.
                Err(StoreError::Duplicate { .. }) => {
                    for one in some {
                        rescued.extend(self.rescue(std::slice::from_ref(one), true).await?);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(rescued)
    }

    async fn rescue(&self, expired: &[(JobId, Lease)], without_key: bool) -> Result<Vec<JobId>, StoreError> {
        let now = self.runtime.clock.now();
        let ids: Vec<_> = expired.iter().map(|(id, _)| *id).collect();
        let seen = |job: &Job| expired.iter().find(|(id, _)| *id == job.id).map(|(_, lease)| *lease);
        let frees = |job: &mut Job| seen(job).is_some_and(|seen| job.rescue(seen, now).is_ok());
        free((&*self.store, &self.runtime), &ids, without_key, &frees).await
    }
}

/// Stores those of these jobs that `frees` changes, in one unit of work, and returns them. With `without_key`, they no
/// longer have their unique keys.
pub(super) async fn free(
    (store, runtime): (&dyn Begin<dyn JobsTx>, &Runtime),
    ids: &[JobId],
    without_key: bool,
    frees: &(dyn Fn(&mut Job) -> bool + Sync),
) -> Result<Vec<JobId>, StoreError> {
    run(runtime, None, |attempt: Attempt| async move {
        let mut unit = store.begin(TxMode::Write, &[]).await?;
        let freed = async {
            let mut jobs = unit.jobs().find_many(ids).await?;
            jobs.retain_mut(|job| frees(job));
            if without_key {
                jobs.iter_mut().for_each(|job| job.unique = None);
            }
            if !jobs.is_empty() {
                unit.jobs().save_many(&jobs).await?;
            }
            Ok(jobs.iter().map(|job| job.id).collect())
        };
        let freed = freed.await;
        attempt.end(unit, freed).await
    })
    .await
}
