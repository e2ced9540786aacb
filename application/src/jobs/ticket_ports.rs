//! The port of queues that are outside of the store.

use crate::kernel::StoreError;
use async_trait::async_trait;
use skep_domain::{
    jobs::{Job, JobId, Priority, QueueName},
    shared::{LeaseToken, Timestamp, Version},
};
use std::{sync::Arc, time::Duration};

/// An available job, as a queue outside of the store needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadyJob {
    /// The identifier.
    pub id: JobId,
    /// The version for which a ticket is good.
    pub version: Version,
    /// Which jobs of the queue are taken first.
    pub priority: Priority,
    /// Of jobs with one priority, the earlier one is taken first.
    pub ready_at: Timestamp,
}

impl From<&Job> for ReadyJob {
    fn from(job: &Job) -> Self {
        Self { id: job.id, version: job.version, priority: job.priority, ready_at: job.ready_at }
    }
}

/// A ticket that a worker did not give back within its term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostTicket {
    /// The job.
    pub id: JobId,
    /// The version for which the ticket was made.
    pub version: Version,
    /// The worker.
    pub token: LeaseToken,
}

/// How many tickets a queue has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TicketCounts {
    /// Tickets that no worker has.
    pub waiting: u64,
    /// Tickets that workers have, also those that are lost.
    pub held: u64,
}

/// Gives tickets of available jobs to workers: a queue that is outside of the store.
///
/// It may lose its data, or be away. Then it gives no ticket, or a second one of a job whose first one is in use; the row
/// of the job decides which of the two is good (J13). It never makes a job appear that was not offered.
///
/// 1. `take` gives the waiting tickets of the queue in the order of their priority, `ready_at` and id. Each ticket is given
///    once, also to callers at the same time, and stays with the token until it is given back.
/// 2. `offer` makes a ticket for each job that has none. A job whose ticket waits or is held keeps it, unless the offered
///    version is later: then the new ticket waits, and the old one is void.
/// 3. After an `offer`, at most `most` tickets of the queue wait: the last ones in the order are forgotten. Held ones stay.
/// 4. `list_lost` returns held tickets whose term is over, the first to end first. They stay held.
/// 5. `give_back` forgets the tickets of these jobs that the token has, or all that it has if no job is named. It leaves
///    alone those of others, and those that wait.
/// 6. Queues do not touch each other.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait TicketQueue: Send + Sync {
    /// Offers available jobs, at most a few thousand. Returns the counts afterwards.
    async fn offer(&self, queue: &QueueName, jobs: &[ReadyJob], most: u32) -> Result<TicketCounts, StoreError>;
    /// Gives at most `limit` tickets to this claim, for this term.
    async fn take(
        &self,
        queue: &QueueName,
        limit: u32,
        token: LeaseToken,
        term: Duration,
    ) -> Result<Vec<(JobId, Version)>, StoreError>;
    /// The claim no longer needs its tickets of these jobs.
    async fn give_back(&self, queue: &QueueName, token: LeaseToken, jobs: &[JobId]) -> Result<(), StoreError>;
    /// At most `limit` tickets that were not given back within their term.
    async fn list_lost(&self, queue: &QueueName, limit: u32) -> Result<Vec<LostTicket>, StoreError>;
    /// How many tickets the queue has.
    async fn count(&self, queue: &QueueName) -> Result<TicketCounts, StoreError>;
}

/// Which queues are outside of the store.
#[derive(Debug, Clone, Default)]
pub struct TicketPolicy {
    /// Their names.
    pub queues: Arc<[QueueName]>,
    /// How many tickets of each wait at most.
    pub most: u32,
}

impl TicketPolicy {
    /// The usual number of tickets that wait at most.
    pub const MOST: u32 = 1_000;

    /// Whether the jobs of this queue are taken with tickets.
    #[must_use]
    pub fn covers(&self, queue: &QueueName) -> bool {
        self.queues.contains(queue)
    }
}
