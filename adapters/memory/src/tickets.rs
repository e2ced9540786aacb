//! A queue outside of the store, in this process: the twin of the one on a server.

use crate::Done;
use async_trait::async_trait;
use skep_application::{
    jobs::{LostTicket, ReadyJob, TicketCounts, TicketQueue},
    kernel::Clock,
};
use skep_domain::{
    jobs::{JobId, Priority, QueueName},
    shared::{LeaseToken, Timestamp, Version},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Gives tickets to the workers of this process.
pub struct MemoryTickets {
    clock: Arc<dyn Clock>,
    queues: Mutex<BTreeMap<QueueName, Tickets>>,
}

type Place = (Priority, Timestamp, JobId);

/// The tickets of a queue.
#[derive(Default)]
struct Tickets {
    waiting: BTreeSet<Place>,
    /// The places and the versions of those that wait.
    places: BTreeMap<JobId, (Place, Version)>,
    /// Those that workers have, with the ends of their terms.
    held: BTreeMap<JobId, (Version, LeaseToken, Duration)>,
}

impl MemoryTickets {
    /// A queue without tickets. The clock measures terms.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, queues: Mutex::default() }
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<QueueName, Tickets>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything, as a server does that loses its data.
    pub fn lose_all(&self) {
        self.queues().clear();
    }
}

impl Tickets {
    fn offer(&mut self, job: ReadyJob) {
        let held = self.held.get(&job.id).map(|(version, ..)| *version);
        let known = held.or_else(|| self.places.get(&job.id).map(|(_, version)| *version));
        if known.is_some_and(|known| known >= job.version) {
            return;
        }
        self.held.remove(&job.id);
        self.forget(job.id);
        let place = (job.priority, job.ready_at, job.id);
        self.waiting.insert(place);
        self.places.insert(job.id, (place, job.version));
    }

    fn forget(&mut self, id: JobId) -> Option<Version> {
        let (place, version) = self.places.remove(&id)?;
        self.waiting.remove(&place);
        Some(version)
    }

    fn count(&self) -> TicketCounts {
        TicketCounts { waiting: self.waiting.len() as u64, held: self.held.len() as u64 }
    }
}

#[async_trait]
impl TicketQueue for MemoryTickets {
    async fn offer(&self, queue: &QueueName, jobs: &[ReadyJob], most: u32) -> Done<TicketCounts> {
        let mut queues = self.queues();
        let tickets = queues.entry(queue.clone()).or_default();
        jobs.iter().for_each(|job| tickets.offer(*job));
        while tickets.waiting.len() > most as usize
            && let Some((_, _, last)) = tickets.waiting.last().copied()
        {
            tickets.forget(last);
        }
        Ok(tickets.count())
    }

    async fn take(
        &self,
        queue: &QueueName,
        limit: u32,
        token: LeaseToken,
        term: Duration,
    ) -> Done<Vec<(JobId, Version)>> {
        let until = self.clock.monotonic().saturating_add(term);
        let mut queues = self.queues();
        let Some(tickets) = queues.get_mut(queue) else { return Ok(vec![]) };
        let first: Vec<_> = tickets.waiting.iter().take(limit as usize).map(|(_, _, id)| *id).collect();
        let mut taken = vec![];
        for id in first {
            if let Some(version) = tickets.forget(id) {
                tickets.held.insert(id, (version, token, until));
                taken.push((id, version));
            }
        }
        Ok(taken)
    }

    async fn give_back(&self, queue: &QueueName, token: LeaseToken, jobs: &[JobId]) -> Done<()> {
        if let Some(tickets) = self.queues().get_mut(queue) {
            let is_named = |id: &JobId| jobs.is_empty() || jobs.contains(id);
            tickets.held.retain(|id, (_, holder, _)| *holder != token || !is_named(id));
        }
        Ok(())
    }

    async fn list_lost(&self, queue: &QueueName, limit: u32) -> Done<Vec<LostTicket>> {
        let now = self.clock.monotonic();
        let queues = self.queues();
        let Some(tickets) = queues.get(queue) else { return Ok(vec![]) };
        let lost = tickets.held.iter().filter(|(_, (.., until))| *until <= now);
        let mut lost: Vec<_> = lost
            .map(|(id, (version, token, until))| (*until, LostTicket { id: *id, version: *version, token: *token }))
            .collect();
        lost.sort_by_key(|(until, lost)| (*until, lost.id));
        lost.truncate(limit as usize);
        Ok(lost.into_iter().map(|(_, lost)| lost).collect())
    }

    async fn count(&self, queue: &QueueName) -> Done<TicketCounts> {
        Ok(self.queues().get(queue).map(Tickets::count).unwrap_or_default())
    }
}
