//! `TicketQueue`.

use crate::{
    check::{Checked, equal, holds},
    clause::{self, Clause, clauses},
    harness::Need,
    sample, world,
};
use skep_application::jobs::{ReadyJob, TicketCounts, TicketQueue};
use skep_domain::{
    jobs::{JobId, Priority, QueueName},
    shared::{LeaseToken, Version},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use uuid::Uuid;

clauses! { list of "ticket_queue" on dyn TicketQueue:
    tickets_come_in_the_order_of_their_jobs ["TicketQueue 1"],
    a_ticket_is_given_once ["TicketQueue 1"],
    racing_claims_share_no_ticket ["TicketQueue 1"],
    a_job_that_is_offered_again_keeps_its_ticket ["TicketQueue 2"],
    a_later_version_gets_a_new_ticket ["TicketQueue 2"],
    racing_offers_make_one_ticket ["TicketQueue 1", "TicketQueue 2"],
    no_more_tickets_wait_than_are_allowed ["TicketQueue 3"],
    a_ticket_is_lost_after_its_term ["TicketQueue 4"],
    a_lost_ticket_stays_held ["TicketQueue 4"],
    a_claim_gives_its_own_tickets_back ["TicketQueue 5"],
    a_claim_gives_all_of_its_tickets_back ["TicketQueue 5"],
    queues_do_not_touch_each_other ["TicketQueue 6"],
    an_empty_queue_answers,
    many_jobs_are_offered_at_once,
    instances_share_the_tickets ["TicketQueue 1", "TicketQueue 2", "TicketQueue 5"] {Need::Shared},
}

type Given = clause::Given<dyn TicketQueue>;

/// Every clause of [`TicketQueue`].
#[must_use]
pub fn clauses() -> Vec<Clause<dyn TicketQueue>> {
    list()
}

/// A term that does not end while the clauses run.
const LONG: Duration = Duration::from_secs(3_600);
const MOST: u32 = 100;

fn queue() -> Checked<QueueName> {
    Ok(QueueName::parse(&format!("q-{}", world::uuid()))?)
}

fn token() -> LeaseToken {
    LeaseToken::new(world::uuid())
}

fn job(number: u32) -> ReadyJob {
    let id = JobId::new(Uuid::from_u128(number.into()));
    ReadyJob { id, version: Version::FIRST, priority: Priority::default(), ready_at: sample::at(1_000) }
}

fn jobs(numbers: std::ops::Range<u32>) -> Vec<ReadyJob> {
    numbers.map(job).collect()
}

fn ids(jobs: &[ReadyJob]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

async fn take(given: &dyn TicketQueue, queue: &QueueName, limit: u32, token: LeaseToken) -> Checked<Vec<JobId>> {
    Ok(given.take(queue, limit, token, LONG).await?.into_iter().map(|(id, _)| id).collect())
}

fn counts(waiting: u64, held: u64) -> TicketCounts {
    TicketCounts { waiting, held }
}

async fn tickets_come_in_the_order_of_their_jobs(given: &Given) -> Checked {
    let queue = queue()?;
    let mut offered = jobs(1..6);
    offered[4].priority = Priority::FIRST;
    offered[3].ready_at = sample::at(999);
    offered[0].priority = Priority::LAST;
    equal(given.store.offer(&queue, &offered[..3], MOST).await?, counts(3, 0))?;
    equal(given.store.offer(&queue, &offered[3..], MOST).await?, counts(5, 0))?;
    let expected = [5, 4, 2, 3, 1].map(|number| (job(number).id, Version::FIRST));
    equal(given.store.take(&queue, 2, token(), LONG).await?, expected[..2].to_vec())?;
    equal(given.store.take(&queue, 9, token(), LONG).await?, expected[2..].to_vec())
}

async fn a_ticket_is_given_once(given: &Given) -> Checked {
    let queue = queue()?;
    given.store.offer(&queue, &jobs(1..4), MOST).await?;
    equal(take(&*given.store, &queue, 0, token()).await?, vec![])?;
    equal(take(&*given.store, &queue, 9, token()).await?, ids(&jobs(1..4)))?;
    equal(take(&*given.store, &queue, 9, token()).await?, vec![])?;
    equal(given.store.count(&queue).await?, counts(0, 3))
}

/// Every claim of these takes a few tickets until none is left. Returns what they have got.
async fn race(instances: &[Arc<dyn TicketQueue>], queue: &QueueName) -> Checked<Vec<JobId>> {
    let claim = |number: usize| {
        let (tickets, queue) = (instances[number % instances.len()].clone(), queue.clone());
        tokio::spawn(async move {
            let (mut got, token) = (vec![], token());
            loop {
                let taken = tickets.take(&queue, 3, token, LONG).await?;
                if taken.is_empty() {
                    return Ok::<_, skep_application::kernel::StoreError>(got);
                }
                got.extend(taken.into_iter().map(|(id, _)| id));
            }
        })
    };
    let claims: Vec<_> = (0..8).map(claim).collect();
    let mut got = vec![];
    for claim in claims {
        got.extend(claim.await??);
    }
    Ok(got)
}

async fn racing_claims_share_no_ticket(given: &Given) -> Checked {
    let queue = queue()?;
    given.store.offer(&queue, &jobs(0..100), MOST).await?;
    let got = race(std::slice::from_ref(&given.store), &queue).await?;
    equal((got.len(), got.into_iter().collect::<BTreeSet<_>>().len()), (100, 100))
}

async fn a_job_that_is_offered_again_keeps_its_ticket(given: &Given) -> Checked {
    let (queue, holder) = (queue()?, token());
    given.store.offer(&queue, &jobs(1..3), MOST).await?;
    equal(take(&*given.store, &queue, 1, holder).await?, ids(&jobs(1..2)))?;
    equal(given.store.offer(&queue, &jobs(1..3), MOST).await?, counts(1, 1))?;
    equal(take(&*given.store, &queue, 9, token()).await?, ids(&jobs(2..3)))?;
    given.store.give_back(&queue, holder, &ids(&jobs(1..2))).await?;
    equal(given.store.offer(&queue, &jobs(1..2), MOST).await?, counts(1, 1))?;
    equal(take(&*given.store, &queue, 9, token()).await?, ids(&jobs(1..2)))
}

async fn a_later_version_gets_a_new_ticket(given: &Given) -> Checked {
    let (queue, holder) = (queue()?, token());
    given.store.offer(&queue, &jobs(1..3), MOST).await?;
    equal(take(&*given.store, &queue, 1, holder).await?, ids(&jobs(1..2)))?;
    let later: Vec<_> = jobs(1..3).into_iter().map(|job| ReadyJob { version: job.version.next(), ..job }).collect();
    equal(given.store.offer(&queue, &later, MOST).await?, counts(2, 0))?;
    // An offer that was read before the change comes too late.
    equal(given.store.offer(&queue, &jobs(1..3), MOST).await?, counts(2, 0))?;
    let taken = given.store.take(&queue, 9, token(), LONG).await?;
    equal(taken, later.iter().map(|job| (job.id, job.version)).collect())?;
    given.store.give_back(&queue, holder, &ids(&later)).await?;
    equal(given.store.count(&queue).await?, counts(0, 2))
}

async fn racing_offers_make_one_ticket(given: &Given) -> Checked {
    let queue = queue()?;
    let offer = |_| {
        let (tickets, queue) = (given.store.clone(), queue.clone());
        tokio::spawn(async move { tickets.offer(&queue, &jobs(0..50), MOST).await })
    };
    let offers: Vec<_> = (0..8).map(offer).collect();
    let got = race(std::slice::from_ref(&given.store), &queue).await?;
    for offer in offers {
        offer.await??;
    }
    let got = [got, race(std::slice::from_ref(&given.store), &queue).await?].concat();
    equal((got.len(), got.into_iter().collect::<BTreeSet<_>>().len()), (50, 50))
}

async fn no_more_tickets_wait_than_are_allowed(given: &Given) -> Checked {
    let queue = queue()?;
    given.store.offer(&queue, &jobs(10..15), 5).await?;
    equal(take(&*given.store, &queue, 2, token()).await?, ids(&jobs(10..12)))?;
    let urgent = ReadyJob { priority: Priority::FIRST, ..job(99) };
    let offered = [jobs(10..20), vec![urgent]].concat();
    equal(given.store.offer(&queue, &offered, 5).await?, counts(5, 2))?;
    equal(take(&*given.store, &queue, 9, token()).await?, [vec![urgent.id], ids(&jobs(12..16))].concat())?;
    // What was forgotten is offered again.
    equal(given.store.offer(&queue, &offered, 5).await?, counts(4, 7))?;
    equal(take(&*given.store, &queue, 9, token()).await?, ids(&jobs(16..20)))
}

async fn a_ticket_is_lost_after_its_term(given: &Given) -> Checked {
    let (queue, holder) = (queue()?, token());
    given.store.offer(&queue, &jobs(1..5), MOST).await?;
    equal(take(&*given.store, &queue, 1, token()).await?, ids(&jobs(1..2)))?;
    equal(given.store.list_lost(&queue, 9).await?, vec![])?;
    given.store.take(&queue, 2, holder, Duration::ZERO).await?;
    let lost = given.store.list_lost(&queue, 9).await?;
    let seen: Vec<_> = lost.iter().map(|lost| (lost.id, lost.version, lost.token)).collect();
    equal(seen, [2, 3].map(|number| (job(number).id, Version::FIRST, holder)).to_vec())?;
    equal(given.store.list_lost(&queue, 1).await?, lost[..1].to_vec())
}

async fn a_lost_ticket_stays_held(given: &Given) -> Checked {
    let (queue, holder) = (queue()?, token());
    given.store.offer(&queue, &jobs(1..2), MOST).await?;
    given.store.take(&queue, 1, holder, Duration::ZERO).await?;
    equal(given.store.offer(&queue, &jobs(1..2), MOST).await?, counts(0, 1))?;
    equal(take(&*given.store, &queue, 9, token()).await?, vec![])?;
    equal(given.store.list_lost(&queue, 9).await?.len(), 1)?;
    given.store.give_back(&queue, holder, &ids(&jobs(1..2))).await?;
    equal(given.store.list_lost(&queue, 9).await?, vec![])
}

async fn a_claim_gives_its_own_tickets_back(given: &Given) -> Checked {
    let (queue, one, other) = (queue()?, token(), token());
    given.store.offer(&queue, &jobs(1..5), MOST).await?;
    equal(take(&*given.store, &queue, 2, one).await?, ids(&jobs(1..3)))?;
    equal(take(&*given.store, &queue, 1, other).await?, ids(&jobs(3..4)))?;
    // The second one belongs to another claim, and the third one waits.
    given.store.give_back(&queue, one, &[job(1).id, job(3).id, job(4).id, job(9).id]).await?;
    equal(given.store.count(&queue).await?, counts(1, 2))?;
    equal(take(&*given.store, &queue, 9, token()).await?, ids(&jobs(4..5)))
}

async fn a_claim_gives_all_of_its_tickets_back(given: &Given) -> Checked {
    let (queue, one) = (queue()?, token());
    given.store.offer(&queue, &jobs(1..5), MOST).await?;
    take(&*given.store, &queue, 2, one).await?;
    take(&*given.store, &queue, 1, token()).await?;
    given.store.give_back(&queue, one, &[]).await?;
    equal(given.store.count(&queue).await?, counts(1, 1))
}

async fn queues_do_not_touch_each_other(given: &Given) -> Checked {
    let (one, other, holder) = (queue()?, queue()?, token());
    given.store.offer(&one, &jobs(1..3), MOST).await?;
    given.store.offer(&other, &jobs(2..4), 1).await?;
    equal(given.store.count(&one).await?, counts(2, 0))?;
    given.store.take(&other, 9, holder, Duration::ZERO).await?;
    given.store.give_back(&one, holder, &[]).await?;
    equal(given.store.list_lost(&one, 9).await?, vec![])?;
    equal((given.store.count(&one).await?, given.store.count(&other).await?), (counts(2, 0), counts(0, 1)))?;
    equal(take(&*given.store, &one, 9, token()).await?, ids(&jobs(1..3)))
}

async fn an_empty_queue_answers(given: &Given) -> Checked {
    let queue = queue()?;
    equal(given.store.count(&queue).await?, counts(0, 0))?;
    equal(given.store.offer(&queue, &[], MOST).await?, counts(0, 0))?;
    equal(take(&*given.store, &queue, 9, token()).await?, vec![])?;
    equal(given.store.list_lost(&queue, 9).await?, vec![])?;
    given.store.give_back(&queue, token(), &[]).await?;
    Ok(given.store.give_back(&queue, token(), &[job(1).id]).await?)
}

async fn many_jobs_are_offered_at_once(given: &Given) -> Checked {
    let queue = queue()?;
    equal(given.store.offer(&queue, &jobs(0..6_000), 5_000).await?, counts(5_000, 0))?;
    let first = take(&*given.store, &queue, 1_000, token()).await?;
    holds(first == ids(&jobs(0..1_000)), "the first thousand is taken")
}

async fn instances_share_the_tickets(given: &Given) -> Checked {
    let (queue, second, holder) = (queue()?, given.second().await?, token());
    given.store.offer(&queue, &jobs(0..60), MOST).await?;
    equal(second.offer(&queue, &jobs(0..80), MOST).await?, counts(80, 0))?;
    equal(take(&*given.store, &queue, 1, holder).await?, ids(&jobs(0..1)))?;
    let got = race(&[given.store.clone(), second.clone()], &queue).await?;
    equal((got.len(), got.into_iter().collect::<BTreeSet<_>>().len()), (79, 79))?;
    second.give_back(&queue, holder, &[]).await?;
    equal(given.store.count(&queue).await?, counts(0, 79))
}
