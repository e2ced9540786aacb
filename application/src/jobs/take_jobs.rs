//! Giving jobs to a worker with tickets of a queue that is outside of the store.

use super::{
    ClaimJobs, JobQueries, LeasePolicy, QueueQueries, Taken, TakenJob, TicketCounts, TicketOutage, TicketPolicy,
    TicketQueue,
};
use crate::kernel::{Runtime, StoreError};
use skep_domain::{
    jobs::{JobId, QueueName, Ticket},
    shared::{LeaseToken, Version},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often the available jobs of the store are offered even if tickets are left, so that urgent jobs come first.
const OFFER_EVERY: Duration = Duration::from_secs(1);

/// How often one call takes tickets, if it gets void ones.
const ROUNDS: usize = 8;

/// Gives jobs to a worker with tickets.
pub struct TakeJobs {
    queue: Arc<dyn TicketQueue>,
    jobs: Arc<dyn JobQueries>,
    queues: Arc<dyn QueueQueries>,
    claims: ClaimJobs,
    runtime: Runtime,
    policy: TicketPolicy,
    term: Duration,
    outage: TicketOutage,
    offered: Mutex<BTreeMap<QueueName, Duration>>,
}

impl TakeJobs {
    /// Takes from this queue what it offers from this store.
    #[must_use]
    pub fn new(
        queue: Arc<dyn TicketQueue>,
        (jobs, queues): (Arc<dyn JobQueries>, Arc<dyn QueueQueries>),
        claims: ClaimJobs,
        runtime: Runtime,
        (policy, leases): (TicketPolicy, LeasePolicy),
    ) -> Self {
        let outage = TicketOutage::new(leases);
        Self { queue, jobs, queues, claims, runtime, policy, term: leases.term, outage, offered: Mutex::default() }
    }

    /// Takes at most `limit` jobs of this queue. A paused queue gives none. A job that must not run beside others (J7) is
    /// claimed in the store at once, the others when their workers write for the first time (J13).
    ///
    /// # Errors
    /// The store's error. No job is then held.
    pub async fn execute(&self, queue: &QueueName, limit: u32) -> Result<Taken, StoreError> {
        let settings = self.queues.find_queue(queue).await?;
        if settings.as_ref().is_some_and(|queue| queue.paused_at.is_some()) {
            return Ok(Taken::Jobs(vec![]));
        }
        if settings.is_some_and(|queue| queue.concurrency.is_some()) {
            return Ok(Taken::Store(None));
        }
        if !self.outage.may_ask(self.runtime.clock.monotonic()) {
            return Ok(self.away(None));
        }
        let mut taken = vec![];
        for _ in 0..ROUNDS {
            let missing = limit.saturating_sub(u32::try_from(taken.len()).unwrap_or(u32::MAX));
            let (begun, void) = match self.round(queue, missing).await {
                Ok(round) => round,
                // The next call reports the error.
                Err(_) if !taken.is_empty() => break,
                Err(Failed::Store(error)) => return Err(error),
                Err(Failed::Queue(error)) => return Ok(self.away(Some(error))),
            };
            taken.extend(begun);
            // Behind void tickets there may be good ones.
            if void == 0 {
                break;
            }
        }
        Ok(Taken::Jobs(taken))
    }

    /// Takes tickets, and returns the jobs and the number of tickets that were void. After an error, no ticket is kept.
    async fn round(&self, queue: &QueueName, limit: u32) -> Result<(Vec<TakenJob>, usize), Failed> {
        let token = LeaseToken::new(self.runtime.ids.next());
        let begun = match self.tickets(queue, limit, token).await {
            Ok(tickets) => self.begin(queue, token, &tickets).await.map_err(Failed::Store),
            Err(failed) => Err(failed),
        };
        match &begun {
            Ok(_) => {}
            Err(Failed::Store(_)) => self.give_all_back(queue, token).await,
            // It may have given tickets that did not arrive.
            Err(Failed::Queue(_)) => {
                self.outage.failed(self.runtime.clock.monotonic(), Some((queue.clone(), token)));
            }
        }
        begun
    }

    fn away(&self, error: Option<StoreError>) -> Taken {
        let store = self.outage.is_long(self.runtime.clock.monotonic());
        if store { Taken::Store(error) } else { Taken::Waits(error) }
    }

    /// Takes tickets. If there are too few, or from time to time, what the store has is offered before.
    async fn tickets(&self, queue: &QueueName, limit: u32, token: LeaseToken) -> Result<Vec<(JobId, Version)>, Failed> {
        let lost = self.outage.lost_answers();
        for (queue, token) in &lost {
            self.queue.give_back(queue, *token, &[]).await.map_err(Failed::Queue)?;
        }
        let take = async |limit| self.queue.take(queue, limit, token, self.term).await.map_err(Failed::Queue);
        let mut tickets = if self.is_to_offer(queue) { vec![] } else { take(limit).await? };
        let missing = limit.saturating_sub(u32::try_from(tickets.len()).unwrap_or(u32::MAX));
        if missing > 0 {
            self.offer(queue).await?;
            tickets.extend(take(missing).await?);
        }
        self.outage.answered(&lost);
        Ok(tickets)
    }

    /// Offers the first jobs of the store. Those that are at work with a ticket are still available there, and are among
    /// them.
    async fn offer(&self, queue: &QueueName) -> Result<(), Failed> {
        let held = self.queue.count(queue).await.map_err(Failed::Queue)?.held;
        let most = self.policy.most;
        let limit = most.saturating_add(u32::try_from(held).unwrap_or(u32::MAX));
        let ready = self.jobs.list_ready(queue, limit).await.map_err(Failed::Store)?;
        self.queue.offer(queue, &ready, most).await.map_err(Failed::Queue)?;
        let mut offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        offered.insert(queue.clone(), self.runtime.clock.monotonic());
        Ok(())
    }

    fn is_to_offer(&self, queue: &QueueName) -> bool {
        let now = self.runtime.clock.monotonic();
        let offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        offered.get(queue).is_none_or(|at| now.saturating_sub(*at) >= OFFER_EVERY)
    }

    /// Reads the jobs of the tickets, and gives the void tickets back. An offer that was read before a job ended, and that came
    /// after its ticket was given back, has made such a ticket.
    async fn begin(
        &self,
        queue: &QueueName,
        token: LeaseToken,
        tickets: &[(JobId, Version)],
    ) -> Result<(Vec<TakenJob>, usize), StoreError> {
        if tickets.is_empty() {
            return Ok((vec![], 0));
        }
        let since = self.runtime.clock.now();
        let ids: Vec<_> = tickets.iter().map(|(id, _)| *id).collect();
        let mut found: BTreeMap<_, _> = self.jobs.find_jobs(&ids).await?.into_iter().map(|job| (job.id, job)).collect();
        let (mut taken, mut unused, mut void) = (vec![], vec![], 0);
        for (id, version) in tickets {
            let Some(mut job) = found.remove(id).filter(|job| job.honors(*version)) else {
                unused.push(*id);
                void += 1;
                continue;
            };
            if job.is_claimed_first() {
                // It needs no ticket any longer, or waits for another job.
                unused.push(*id);
                let claimed = self.claims.prepare_one(&job).execute().await;
                // After an unknown outcome, its lease runs out.
                taken.extend(claimed.unwrap_or_default().into_iter().map(|job| TakenJob { job, ticket: None }));
            } else if job.claim(token, since) {
                taken.push(TakenJob { job, ticket: Some(Ticket { version: *version, since }) });
            }
        }
        if !unused.is_empty() {
            self.give_back(queue, token, &unused).await;
        }
        Ok((taken, void))
    }

    /// The claim no longer needs the tickets of these jobs. A queue that does not answer finds them lost after their term,
    /// and their jobs changed.
    pub async fn give_back(&self, queue: &QueueName, token: LeaseToken, jobs: &[JobId]) {
        if !self.outage.is_on() && self.queue.give_back(queue, token, jobs).await.is_err() {
            self.outage.failed(self.runtime.clock.monotonic(), None);
        }
    }

    /// No worker has begun with the tickets of this claim.
    async fn give_all_back(&self, queue: &QueueName, token: LeaseToken) {
        if self.queue.give_back(queue, token, &[]).await.is_err() {
            self.outage.failed(self.runtime.clock.monotonic(), Some((queue.clone(), token)));
        }
    }

    /// How many tickets each queue has. A queue that does not answer is missing.
    pub async fn count(&self) -> Vec<(QueueName, TicketCounts)> {
        let mut counts = vec![];
        for queue in &*self.policy.queues {
            if !self.outage.is_on()
                && let Ok(count) = self.queue.count(queue).await
            {
                counts.push((queue.clone(), count));
            }
        }
        counts
    }

    /// Whether the jobs of this queue are taken here.
    #[must_use]
    pub fn covers(&self, queue: &QueueName) -> bool {
        self.policy.covers(queue)
    }
}

/// What has failed.
enum Failed {
    Store(StoreError),
    Queue(StoreError),
}
