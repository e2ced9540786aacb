//! A lane serves one queue.

use crate::{
    attempt::attempt,
    running::{Running, Stop},
    settler::Settle,
};
use skep_application::{
    App,
    jobs::{Handlers, SettledJob, Settlement},
};
use skep_domain::jobs::{Job, QueueName};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// The longest pause after a claim that failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(crate) struct Lane {
    pub(crate) app: Arc<App>,
    pub(crate) handlers: Handlers,
    pub(crate) queue: QueueName,
    /// As many permits as jobs of the queue run here at a time.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) slots: u32,
    pub(crate) poll: Duration,
    pub(crate) drain: Duration,
    pub(crate) running: Running,
    pub(crate) settle: mpsc::Sender<Settle>,
}

impl Lane {
    /// Claims jobs while there are free places, until `stop`.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let mut pause = self.poll;
        while let Some(Some(place)) = stop.run_until_cancelled(self.place()).await {
            // Claims for all places that are free by now.
            let free = self.places.available_permits();
            let mut free_places = vec![place];
            free_places.extend((0..free).map_while(|_| self.places.clone().try_acquire_owned().ok()));
            let seen = self.app.ports.store.signals().jobs.seen();
            let claimed = self.claim(free_places.len(), &mut pause, stop).await;
            let all = claimed.len() == free_places.len();
            for (job, place) in claimed.into_iter().zip(free_places) {
                self.start(job, place);
            }
            if !all {
                stop.run_until_cancelled(self.wait(seen, pause)).await;
            }
        }
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }

    /// Claims at most `limit` jobs. After an unknown outcome the store may have given jobs to the claim, so the same claim
    /// is executed again, after `stop` for at most the time to drain. `pause` grows with each claim that fails.
    async fn claim(&self, limit: usize, pause: &mut Duration, stop: &CancellationToken) -> Vec<Job> {
        let claim = self.app.jobs.claim_jobs.prepare(&self.queue, u32::try_from(limit).unwrap_or(u32::MAX));
        let mut last = None;
        loop {
            match claim.execute().await {
                Ok(claimed) => {
                    *pause = self.poll;
                    return claimed;
                }
                Err(error) => {
                    tracing::warn!(queue = %self.queue, %error, "could not claim jobs; they are claimed again")
                }
            }
            *pause = (*pause * 2).min(LONGEST_PAUSE);
            let now = Instant::now();
            let is_late = stop.is_cancelled() && *last.get_or_insert(now + self.drain) < now;
            if is_late || !claim.is_unsettled() {
                return vec![];
            }
            tokio::time::sleep(*pause).await;
        }
    }

    /// Waits until a job may be there that was not when `seen` was read.
    async fn wait(&self, seen: u64, pause: Duration) {
        let _ = timeout(pause, self.app.ports.store.signals().jobs.later_than(seen)).await;
    }

    fn start(&self, job: Job, place: OwnedSemaphorePermit) {
        let Some(lease) = job.lease else { return };
        let (id, token) = (job.id, lease.token);
        let held = self.running.add(&job, token);
        let (handlers, settle) = (self.handlers.clone(), self.settle.clone());
        let (app, queue) = (self.app.clone(), self.queue.clone());
        tokio::spawn(async move {
            let (kind, began) = (job.kind.clone(), Instant::now());
            metrics::gauge!("skep_jobs_running", "queue" => queue.to_string()).increment(1.0);
            let now = app.ports.runtime.clock.now();
            let how = attempt(&handlers, job, &held.link, app.policies.leases, now).await;
            metrics::gauge!("skep_jobs_running", "queue" => queue.to_string()).decrement(1.0);
            let labels = [("kind", kind.to_string()), ("outcome", outcome(how.as_ref()).to_owned())];
            metrics::histogram!("skep_job_duration_seconds", &labels).record(began.elapsed());
            if let Some(how) = how {
                let job = SettledJob { id, token, progress: held.link.progress(), how };
                // The settler gives the place back.
                let _ = settle.send(Settle { job, _held: held, _place: place }).await;
            }
        });
    }

    /// Waits for the jobs that run. After the time to drain, they are asked to stop. A handler that never yields cannot be
    /// stopped, and is left behind.
    pub(crate) async fn drain(&self) {
        if timeout(self.drain, self.places.acquire_many(self.slots)).await.is_err() {
            self.running.ask_all(Stop::HandBack);
            if timeout(self.drain + crate::GRACE, self.places.acquire_many(self.slots)).await.is_err() {
                tracing::error!(queue = %self.queue, "a handler does not stop; its job is free when its lease has run out");
            }
        }
    }
}

fn outcome(how: Option<&Settlement>) -> &'static str {
    match how {
        None | Some(Settlement::Complete(_)) => "completed",
        Some(Settlement::Fail { .. }) => "failed",
        Some(Settlement::Snooze(_)) => "snoozed",
        Some(Settlement::HandBack) => "handed_back",
        Some(Settlement::Stopped) => "cancelled",
    }
}
