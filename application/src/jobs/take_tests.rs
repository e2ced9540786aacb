//! Tests of taking jobs from a queue outside of the store, with mocks only.

use super::*;
use crate::{kernel::StoreError, testing::*};
use skep_domain::{
    jobs::{Concurrency, Job, JobState, OrderingKey, Queue, QueueId, QueueName, Ticket, Uniqueness},
    shared::{Timestamp, Version},
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A queue that gives one ticket, and notes the calls.
struct Scene {
    calls: Arc<Mutex<Vec<String>>>,
    is_away: Arc<Mutex<bool>>,
    job: Job,
    settings: Option<Queue>,
    offered: Version,
}

fn settings() -> Queue {
    Queue::create(QueueId::new(job_id(9).uuid()), QueueName::default(), Timestamp::MIN)
}

impl Scene {
    fn new() -> Self {
        let job = job(1);
        let offered = job.version;
        Self { calls: Arc::default(), is_away: Arc::default(), job, settings: None, offered }
    }

    fn take(&self) -> TakeJobs {
        self.take_by(Scripted::<dyn JobsTx>::of(std::iter::empty::<MockJobsTx>()))
    }

    fn take_by(&self, store: Arc<dyn crate::kernel::Begin<dyn JobsTx>>) -> TakeJobs {
        let answer = {
            let (calls, is_away) = (self.calls.clone(), self.is_away.clone());
            move |call: &str| {
                calls.lock().unwrap().push(call.to_owned());
                if *is_away.lock().unwrap() { Err(StoreError::Unavailable("away".into())) } else { Ok(()) }
            }
        };
        let mut tickets = MockTicketQueue::new();
        let (taken, offer, back, count) = ((self.job.id, self.offered), answer.clone(), answer.clone(), answer.clone());
        tickets.expect_take().returning(move |_, limit, _, term| {
            assert_eq!(term, LeasePolicy::default().term);
            answer("take").map(|()| if limit > 0 { vec![taken] } else { vec![] })
        });
        tickets.expect_offer().returning(move |_, jobs, most| {
            assert_eq!((jobs.len(), most), (1, 7));
            offer("offer").map(|()| TicketCounts { waiting: 1, held: 0 })
        });
        tickets.expect_count().returning(move |_| count("count").map(|()| TicketCounts { waiting: 0, held: 2 }));
        tickets.expect_give_back().returning(move |_, _, jobs| back(&format!("give back {}", jobs.len())));
        let (mut jobs, mut queues) = (MockJobQueries::new(), MockQueueQueries::new());
        let (found, ready, settings) = (self.job.clone(), ReadyJob::from(&self.job), self.settings.clone());
        jobs.expect_find_jobs().returning(move |_| Ok(vec![found.clone()]));
        jobs.expect_list_ready().returning(move |_, limit| {
            assert_eq!(limit, 9, "those that may wait, and those that are held");
            Ok(vec![ready])
        });
        queues.expect_find_queue().returning(move |_| Ok(settings.clone()));
        let runtime = fixed_runtime().0;
        let policy = TicketPolicy { queues: vec![QueueName::default()].into(), most: 7 };
        TakeJobs::new(
            Arc::new(tickets),
            (Arc::new(jobs), Arc::new(queues)),
            ClaimJobs::new(store, runtime.clone()),
            runtime,
            (policy, LeasePolicy::default()),
        )
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

fn jobs(taken: Result<Taken, StoreError>) -> Vec<TakenJob> {
    match taken.unwrap() {
        Taken::Jobs(jobs) => jobs,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_job_is_offered_and_then_taken_and_its_row_stays_as_it_is() {
    let scene = Scene::new();
    let take = scene.take();
    let taken = jobs(take.execute(&QueueName::default(), 1).await);
    assert_eq!(scene.calls(), ["count", "offer", "take"]);
    let [TakenJob { job, ticket: Some(Ticket { version, since }) }] = taken.as_slice() else { panic!("{taken:?}") };
    assert_eq!((job.id, job.state, job.attempt, job.version), (scene.job.id, JobState::Running, 1, *version));
    assert_eq!((job.started_at, job.lease.is_some()), (Some(*since), true));
    jobs(take.execute(&QueueName::default(), 1).await);
    assert_eq!(scene.calls(), ["take"], "tickets are left, and were offered a moment ago");
}

#[tokio::test]
async fn a_paused_queue_gives_nothing_and_one_with_a_limit_is_left_to_the_store() {
    let mut scene = Scene::new();
    let mut paused = settings();
    assert!(paused.pause(Timestamp::MIN));
    scene.settings = Some(paused);
    assert_eq!(jobs(scene.take().execute(&QueueName::default(), 1).await), vec![]);
    let mut limited = settings();
    assert!(limited.limit(Concurrency::new(1), Timestamp::MIN));
    scene.settings = Some(limited);
    let taken = scene.take().execute(&QueueName::default(), 1).await.unwrap();
    assert!(matches!(taken, Taken::Store(None)), "{taken:?}");
    assert_eq!(scene.calls(), [""; 0]);
}

#[tokio::test]
async fn a_void_ticket_is_given_back() {
    let mut scene = Scene::new();
    scene.job.version = scene.job.version.next();
    assert_eq!(jobs(scene.take().execute(&QueueName::default(), 1).await), vec![]);
    let calls = scene.calls();
    assert_eq!(calls[..5], ["count", "offer", "take", "give back 1", "take"], "good ones may follow");
    assert!(calls.len() < 20, "{calls:?}");
}

#[tokio::test]
async fn a_job_that_must_not_run_beside_others_is_claimed_in_the_store() {
    let keyed = Job { ordering_key: OrderingKey::parse("o").ok(), ..job(1) };
    let key = skep_domain::jobs::UniqueKey::parse("u").unwrap();
    let states = skep_domain::jobs::JobStates::WAITING;
    let unique = Job { unique: Some(Uniqueness { key, states }), ..job(1) };
    for job in [keyed, unique] {
        let scene = Scene { job: job.clone(), ..Scene::new() };
        let depot = Depot { job: Some(job), ..Depot::default() };
        let taken = jobs(scene.take_by(Scripted::of([depot.open()])).execute(&QueueName::default(), 1).await);
        let saved: Job = depot.seen.one("jobs.save_many");
        assert_eq!(saved.state, JobState::Running);
        assert_eq!(taken, [TakenJob { job: Job { version: saved.version.next(), ..saved }, ticket: None }]);
        assert_eq!(scene.calls(), ["count", "offer", "take", "give back 1"]);
    }
}

#[tokio::test]
async fn while_the_queue_is_away_it_is_asked_once() {
    let scene = Scene::new();
    let take = scene.take();
    *scene.is_away.lock().unwrap() = true;
    let first = take.execute(&QueueName::default(), 1).await.unwrap();
    let second = take.execute(&QueueName::default(), 1).await.unwrap();
    assert!(matches!((first, second), (Taken::Waits(Some(_)), Taken::Waits(None))));
    assert_eq!(scene.calls(), ["count"]);
}

/// A beat and a half are 15 seconds.
#[test]
fn a_long_outage_leaves_the_jobs_to_the_store_and_lost_answers_are_given_back() {
    let (at, claim) =
        (Duration::from_secs, (QueueName::default(), skep_domain::shared::LeaseToken::new(job_id(1).uuid())));
    let outage = TicketOutage::new(LeasePolicy::default());
    assert!(outage.may_ask(at(100)) && !outage.is_on() && !outage.is_long(at(100)));
    outage.failed(at(100), Some(claim.clone()));
    assert!(!outage.may_ask(at(100)) && outage.may_ask(at(101)) && !outage.may_ask(at(101)), "one caller asks");
    outage.failed(at(102), None);
    assert!(!outage.is_long(at(114)) && outage.is_long(at(115)));
    assert_eq!(outage.lost_answers(), std::slice::from_ref(&claim));
    outage.failed(at(131), Some(claim.clone()));
    assert_eq!(outage.lost_answers().len(), 1, "after its term, the queue finds a ticket lost");
    outage.answered(&[]);
    assert!(!outage.is_on() && outage.may_ask(at(131)));
    assert_eq!(outage.lost_answers(), std::slice::from_ref(&claim), "another caller has not given it back");
    outage.answered(&[claim]);
    assert_eq!(outage.lost_answers(), []);
}

/// The first write of a worker with a ticket claims the job, whatever it writes.
#[tokio::test]
async fn a_settlement_and_a_beat_claim_the_job() {
    let (held, token) = (job(1), skep_domain::shared::LeaseToken::new(job_id(5).uuid()));
    let ticket = Some(Ticket { version: held.version, since: Timestamp::MIN });
    let depot = Depot { job: Some(held.clone()), ..Depot::default() };
    let settled = SettledJob { id: held.id, token, ticket, progress: None, how: Settlement::Complete(None) };
    let settle = SettleJobs::new(Scripted::of([depot.open()]), fixed_runtime().0);
    assert_eq!(settle.execute(std::slice::from_ref(&settled)).await.unwrap(), [Ok(())]);
    let saved: Job = depot.seen.one("jobs.save_many");
    assert_eq!((saved.state, saved.attempt, saved.version), (JobState::Completed, 1, held.version));

    let depot = Depot { job: Some(held.clone()), ..Depot::default() };
    let beat = Beat { id: held.id, token, ticket, progress: None };
    let beats = BeatJobs::new(Scripted::of([depot.open()]), fixed_runtime().0);
    assert_eq!(beats.execute(&[beat]).await.unwrap(), [Ok(false)]);
    let saved: Job = depot.seen.one("jobs.save_many");
    assert_eq!((saved.state, saved.is_held_by(token)), (JobState::Running, true));

    // The job has changed since.
    let changed = Job { version: held.version.next(), ..held };
    let depot = Depot { job: Some(changed), ..Depot::default() };
    let settle = SettleJobs::new(Scripted::of([depot.open()]), fixed_runtime().0);
    assert_eq!(settle.execute(&[settled]).await.unwrap(), [Err(skep_domain::shared::Fenced)]);
}

#[tokio::test]
async fn a_worker_that_is_lost_with_its_ticket_costs_an_attempt() {
    let (stored, token) = (job(1), skep_domain::shared::LeaseToken::new(job_id(5).uuid()));
    let lost = LostTicket { id: stored.id, version: stored.version, token };
    let mut tickets = MockTicketQueue::new();
    tickets.expect_list_lost().returning(move |_, _| Ok(vec![lost]));
    tickets.expect_give_back().times(1).returning(move |_, by, jobs| {
        assert_eq!((by, jobs), (token, &[lost.id][..]));
        Ok(())
    });
    let policy = TicketPolicy { queues: vec![QueueName::default()].into(), most: 7 };
    let depot = Depot { job: Some(stored.clone()), ..Depot::default() };
    let rescue = RescueTaken::new(Arc::new(tickets), Scripted::of([depot.open()]), fixed_runtime().0, policy);
    assert_eq!(rescue.execute().await.unwrap(), [stored.id]);
    let saved: Job = depot.seen.one("jobs.save_many");
    assert_eq!((saved.state, saved.attempt, saved.lost, saved.lease), (JobState::Available, 1, 1, None));
}
