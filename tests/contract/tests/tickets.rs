//! Tests of the clauses of queues outside of the store: the twin in the process passes, and each planted flaw fails the
//! clause about it.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use async_trait::async_trait;
use skep_application::{
    jobs::{LostTicket, ReadyJob, TicketCounts, TicketQueue},
    kernel::StoreError,
};
use skep_contract::{Failure, Harness, Instance, Need, Start, catches, prove, tickets};
use skep_domain::{
    jobs::{JobId, Priority, QueueName},
    shared::{LeaseToken, Version},
};
use skep_local::SystemClock;
use skep_memory::MemoryTickets;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

/// The mistake that a queue makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// The queue is correct.
    None,
    /// The order of the jobs does not count.
    IgnoresThePriority,
    /// A job that is offered again gets a second ticket.
    ForgetsWhoHolds,
    /// An offer that was read before a change makes a ticket.
    TakesAnyVersion,
    /// Any number of tickets wait.
    KeepsAll,
    /// Tickets of claims that still work are lost.
    LosesEarly,
    /// A lost ticket is found once.
    TellsOnce,
    /// Anyone gives a ticket back.
    TrustsAnyone,
    /// A claim without names gives nothing back.
    NeedsNames,
    /// A queue gives the tickets of every other one.
    SharesTheQueue,
    /// A claim gets one ticket more than it asks for.
    GivesTooMany,
}

struct FlawedTickets {
    flaw: Flaw,
    tickets: MemoryTickets,
    claims: Mutex<BTreeSet<LeaseToken>>,
}

#[async_trait]
impl TicketQueue for FlawedTickets {
    async fn offer(&self, queue: &QueueName, jobs: &[ReadyJob], most: u32) -> Result<TicketCounts, StoreError> {
        let most = if self.flaw == Flaw::KeepsAll { u32::MAX } else { most };
        let mut jobs = jobs.to_vec();
        for job in &mut jobs {
            match self.flaw {
                Flaw::IgnoresThePriority => job.priority = Priority::default(),
                Flaw::TakesAnyVersion => job.version = Version::new(job.version.get() ^ 3).unwrap(),
                _ => {}
            }
        }
        if self.flaw == Flaw::ForgetsWhoHolds {
            let claims = self.claims.lock().unwrap().clone();
            for claim in claims {
                self.tickets.give_back(queue, claim, &[]).await?;
            }
        }
        self.tickets.offer(self.named(queue), &jobs, most).await
    }

    async fn take(
        &self,
        queue: &QueueName,
        limit: u32,
        token: LeaseToken,
        term: Duration,
    ) -> Result<Vec<(JobId, Version)>, StoreError> {
        self.claims.lock().unwrap().insert(token);
        let limit = limit + u32::from(self.flaw == Flaw::GivesTooMany);
        let term = if self.flaw == Flaw::LosesEarly { Duration::ZERO } else { term };
        self.tickets.take(self.named(queue), limit, token, term).await
    }

    async fn give_back(&self, queue: &QueueName, token: LeaseToken, jobs: &[JobId]) -> Result<(), StoreError> {
        let claims = self.claims.lock().unwrap().clone();
        match self.flaw {
            Flaw::NeedsNames if jobs.is_empty() => Ok(()),
            Flaw::TrustsAnyone => {
                for claim in claims {
                    self.tickets.give_back(queue, claim, jobs).await?;
                }
                Ok(())
            }
            _ => self.tickets.give_back(self.named(queue), token, jobs).await,
        }
    }

    async fn list_lost(&self, queue: &QueueName, limit: u32) -> Result<Vec<LostTicket>, StoreError> {
        let lost = self.tickets.list_lost(self.named(queue), limit).await?;
        if self.flaw == Flaw::TellsOnce {
            for one in &lost {
                self.tickets.give_back(queue, one.token, &[one.id]).await?;
            }
        }
        Ok(lost)
    }

    async fn count(&self, queue: &QueueName) -> Result<TicketCounts, StoreError> {
        self.tickets.count(self.named(queue)).await
    }
}

impl FlawedTickets {
    fn named<'a>(&self, queue: &'a QueueName) -> &'a QueueName {
        static ONE: std::sync::LazyLock<QueueName> = std::sync::LazyLock::new(QueueName::default);
        if self.flaw == Flaw::SharesTheQueue { &ONE } else { queue }
    }
}

struct Double(Arc<dyn TicketQueue>);

#[async_trait]
impl Instance<dyn TicketQueue> for Double {
    fn store(&self) -> Arc<dyn TicketQueue> {
        self.0.clone()
    }

    async fn second(&self) -> Result<Arc<dyn TicketQueue>, Failure> {
        Ok(self.0.clone())
    }
}

struct Doubles(Flaw);

#[async_trait]
impl Harness<dyn TicketQueue> for Doubles {
    fn name(&self) -> &str {
        "double"
    }

    fn lacks(&self, _need: Need) -> Option<&'static str> {
        None
    }

    async fn fresh(&self, _: Start, _: &[Need]) -> Result<Box<dyn Instance<dyn TicketQueue>>, Failure> {
        let tickets = MemoryTickets::new(Arc::new(SystemClock::new()));
        Ok(Box::new(Double(Arc::new(FlawedTickets { flaw: self.0, tickets, claims: Mutex::default() }))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correct_queue_passes() {
    let proof = prove(&Doubles(Flaw::None), tickets::clauses()).await.unwrap();
    assert_eq!((proof.held, proof.skipped.len()), (tickets::clauses().len(), 0));
}

const CAUGHT: &[(Flaw, &str)] = &[
    (Flaw::IgnoresThePriority, "tickets_come_in_the_order_of_their_jobs"),
    (Flaw::GivesTooMany, "tickets_come_in_the_order_of_their_jobs"),
    (Flaw::ForgetsWhoHolds, "a_job_that_is_offered_again_keeps_its_ticket"),
    (Flaw::ForgetsWhoHolds, "a_lost_ticket_stays_held"),
    (Flaw::TakesAnyVersion, "a_later_version_gets_a_new_ticket"),
    (Flaw::KeepsAll, "no_more_tickets_wait_than_are_allowed"),
    (Flaw::LosesEarly, "a_ticket_is_lost_after_its_term"),
    (Flaw::TellsOnce, "a_ticket_is_lost_after_its_term"),
    (Flaw::TrustsAnyone, "a_claim_gives_its_own_tickets_back"),
    (Flaw::TrustsAnyone, "a_claim_gives_all_of_its_tickets_back"),
    (Flaw::NeedsNames, "a_claim_gives_all_of_its_tickets_back"),
    (Flaw::SharesTheQueue, "queues_do_not_touch_each_other"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_flaw_is_caught() {
    let clauses = tickets::clauses();
    for (flaw, name) in CAUGHT {
        let clause = clauses.iter().find(|clause| clause.name == *name).unwrap();
        assert!(catches(&Doubles(*flaw), clause).await, "{name} does not catch {flaw:?}");
    }
}
