//! A lane serves one queue.

use crate::{
    attempt::attempt,
    running::{Running, Stop},
    settler::Settle,
};
use skep_application::{
    App,
    jobs::{Handlers, SettledJob, Settlement, TakeJobs, Taken, TakenJob},
    kernel::StoreError,
};
use skep_domain::jobs::{Job, QueueName};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
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
    /// Whether a log line says that the queue outside of the store does not answer.
    pub(crate) is_away: AtomicBool,
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

    /// Takes or claims at most `limit` jobs.
    async fn claim(&self, limit: usize, pause: &mut Duration, stop: &CancellationToken) -> Vec<TakenJob> {
        if let Some(take) = self.app.jobs.take_jobs.as_ref().filter(|take| take.covers(&self.queue))
            && let Some(taken) = self.take(take, limit, pause).await
        {
            return taken;
        }
        let claimed = self.claim_in_store(limit, pause, stop).await;
        claimed.into_iter().map(|job| TakenJob { job, ticket: None }).collect()
    }

    /// Takes at most `limit` jobs of a queue that is outside of the store; `None` if the store gives them. After such a queue
    /// has lost its data, it may give a job that runs here. That one is left out, and its ticket ends by itself.
    async fn take(&self, take: &TakeJobs, limit: usize, pause: &mut Duration) -> Option<Vec<TakenJob>> {
        match take.execute(&self.queue, u32::try_from(limit).unwrap_or(u32::MAX)).await {
            Ok(Taken::Jobs(mut taken)) => {
                self.report(None, true);
                *pause = self.poll;
                taken.retain(|taken| taken.ticket.is_none() || !self.running.has(taken.job.id));
                metrics::counter!("skep_tickets_taken_total", "queue" => self.queue.to_string())
                    .increment(taken.len() as u64);
                Some(taken)
            }
            Ok(Taken::Waits(error)) => {
                self.report(error, false);
                Some(vec![])
            }
            Ok(Taken::Store(error)) => {
                self.report(error, false);
                None
            }
            Err(error) => {
                tracing::warn!(queue = %self.queue, %error, "could not take jobs; they are taken again");
                *pause = (*pause * 2).min(LONGEST_PAUSE);
                Some(vec![])
            }
        }
    }

    /// Tells once that the queue outside of the store does not answer, and once that it does again.
    fn report(&self, error: Option<StoreError>, answers: bool) {
        let (queue, up) = (&self.queue, metrics::gauge!("skep_ticket_queue_up", "queue" => self.queue.to_string()));
        if answers {
            up.set(1.0);
            if self.is_away.swap(false, Ordering::Relaxed) {
                tracing::info!(%queue, "Redis gives jobs again");
            }
        } else if let Some(error) = error {
            up.set(0.0);
            if !self.is_away.swap(true, Ordering::Relaxed) {
                tracing::warn!(%queue, %error, "Redis gives no jobs; they wait, and are then claimed from the store");
            }
        }
    }

    /// Claims at most `limit` jobs. After an unknown outcome the store may have given jobs to the claim, so the same claim
    /// is executed again, after `stop` for at most the time to drain. `pause` grows with each claim that fails.
    async fn claim_in_store(&self, limit: usize, pause: &mut Duration, stop: &CancellationToken) -> Vec<Job> {
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

    fn start(&self, taken: TakenJob, place: OwnedSemaphorePermit) {
        let TakenJob { job, ticket } = &taken;
        let Some(lease) = job.lease else { return };
        let (id, token, ticket) = (job.id, lease.token, *ticket);
        let held = self.running.add(job, token, ticket);
        let (handlers, settle) = (self.handlers.clone(), self.settle.clone());
        let (app, queue) = (self.app.clone(), self.queue.clone());
        tokio::spawn(async move {
            let (kind, began) = (taken.job.kind.clone(), Instant::now());
            metrics::gauge!("skep_jobs_running", "queue" => queue.to_string()).increment(1.0);
            let now = app.ports.runtime.clock.now();
            let how = attempt(&handlers, taken, &held.link, app.policies.leases, now).await;
            metrics::gauge!("skep_jobs_running", "queue" => queue.to_string()).decrement(1.0);
            let labels = [("kind", kind.to_string()), ("outcome", outcome(how.as_ref()).to_owned())];
            metrics::histogram!("skep_job_duration_seconds", &labels).record(began.elapsed());
            if let Some(how) = how {
                let job = SettledJob { id, token, ticket, progress: held.link.progress(), how };
                // The settler gives the place back.
                let _ = settle.send(Settle { job, queue, _held: held, _place: place }).await;
            } else if let (Some(take), Some(_)) = (&app.jobs.take_jobs, ticket) {
                drop((held, place));
                take.give_back(&queue, token, &[id]).await;
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
