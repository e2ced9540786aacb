//! Claims whose commits have an unknown outcome.

use super::{
    claims::queue,
    repository::{job, new, save},
    workers::put_limited,
};
use crate::{
    check::{Checked, equal, holds, some},
    clause::{self, clauses},
    laws::{put, stored},
    world,
};
use async_trait::async_trait;
use skep_application::{
    jobs::{ClaimJobs, JobClaim, JobRepository, JobsStore, JobsTx, QueueRepository, ScheduleRepository},
    kernel::{Begin, Clock, IdempotencyKeys, Key, Outbox, Runtime, StoreError, Transaction, TxMode, UnitOfWork},
};
use skep_domain::{
    jobs::{Job, JobState, OrderingKey, Priority, QueueName},
    shared::{LeaseToken, Timestamp},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

clauses! { clauses of "jobs" on dyn JobsStore:
    a_claim_with_an_unknown_outcome_gets_its_jobs_and_no_others ["JobRepository 2"],
    a_claim_that_was_given_up_is_executed_again ["JobRepository 2"],
    a_job_that_was_taken_meanwhile_is_left_to_the_other_claim ["JobRepository 2"],
    a_claim_waits_for_no_other_job_with_its_ordering_key ["JobRepository 5"],
    a_claim_that_is_executed_again_keeps_the_limit_of_the_queue ["QueueRepository 1"],
}

type Given = clause::Given<dyn JobsStore>;

/// What becomes of a commit whose answer is lost.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Stored,
    Undone,
    /// It is stored after the answer was lost.
    OnItsWay,
}

/// A store that loses the answers of its next commits.
struct LosesAnswers {
    store: Arc<dyn JobsStore>,
    fate: Fate,
    left: Arc<AtomicU64>,
}

struct Unit {
    inner: Box<dyn JobsTx>,
    fate: Fate,
    left: Arc<AtomicU64>,
}

#[async_trait]
impl Begin<dyn JobsTx> for LosesAnswers {
    async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<dyn JobsTx>, StoreError> {
        let inner = Begin::<dyn JobsTx>::begin(&*self.store, mode, contended).await?;
        Ok(Box::new(Unit { inner, fate: self.fate, left: self.left.clone() }))
    }
}

#[async_trait]
impl Transaction for Unit {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { inner, fate, left } = *self;
        let take = |left: u64| left.checked_sub(1);
        if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err() {
            return inner.commit().await;
        }
        match fate {
            Fate::Stored => inner.commit().await?,
            Fate::Undone => drop(inner),
            Fate::OnItsWay => drop(tokio::spawn(async move {
                // The next attempt begins meanwhile, if the store lets it.
                tokio::time::sleep(Duration::from_millis(20)).await;
                inner.commit().await
            })),
        }
        Err(StoreError::OutcomeUnknown("the answer was lost".into()))
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.rollback().await
    }
}

impl UnitOfWork for Unit {
    fn idempotency(&mut self) -> &mut dyn IdempotencyKeys {
        self.inner.idempotency()
    }
    fn outbox(&mut self) -> &mut dyn Outbox {
        self.inner.outbox()
    }
}

impl JobsTx for Unit {
    fn jobs(&mut self) -> &mut dyn JobRepository {
        self.inner.jobs()
    }
    fn queues(&mut self) -> &mut dyn QueueRepository {
        self.inner.queues()
    }
    fn schedules(&mut self) -> &mut dyn ScheduleRepository {
        self.inner.schedules()
    }
}

/// A clock by which each look takes a second, so that attempts are soon given up.
#[derive(Default)]
struct Hurried(AtomicU64);

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        world::now()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// Stores two jobs of a queue.
async fn put_two(given: &Given) -> Checked<(QueueName, Vec<Job>)> {
    let queue = queue()?;
    let with = |new| Job { queue: queue.clone(), ..job(new) };
    let jobs = vec![with(new()?), with(new()?)];
    put(&*given.store, &jobs).await?;
    Ok((queue, jobs))
}

fn losing(given: &Given, fate: Fate, answers: u64, runtime: Runtime) -> (ClaimJobs, Arc<AtomicU64>) {
    let left = Arc::new(AtomicU64::new(answers));
    let store = LosesAnswers { store: given.store.clone(), fate, left: left.clone() };
    (ClaimJobs::new(Arc::new(store), runtime), left)
}

async fn a_claim_with_an_unknown_outcome_gets_its_jobs_and_no_others(given: &Given) -> Checked {
    for fate in [Fate::Stored, Fate::Undone, Fate::OnItsWay] {
        let (queue, jobs) = put_two(given).await?;
        let (claims, _) = losing(given, fate, 1, world::runtime());
        let claimed = claims.prepare(&queue, 1).execute().await?;
        equal(claimed.iter().map(|job| (job.id, job.attempt)).collect::<Vec<_>>(), vec![(jobs[0].id, 1)])?;
        equal(stored(&*given.store, jobs[0].id).await?, claimed.into_iter().next())?;
        equal(stored::<Job>(&*given.store, jobs[1].id).await?.map(|job| job.state), Some(JobState::Available))?;
    }
    Ok(())
}

async fn a_claim_that_was_given_up_is_executed_again(given: &Given) -> Checked {
    for fate in [Fate::Stored, Fate::Undone] {
        let (queue, jobs) = put_two(given).await?;
        let (claims, left) =
            losing(given, fate, u64::MAX, Runtime { clock: Arc::new(Hurried::default()), ..world::runtime() });
        let claim = claims.prepare(&queue, 1);
        let outcome = claim.execute().await;
        holds(matches!(outcome, Err(StoreError::OutcomeUnknown(_))), format!("{fate:?} was {outcome:?}"))?;
        holds(claim.is_unsettled(), "the claim may hold a job")?;
        left.store(0, Ordering::SeqCst);
        let claimed = claim.execute().await?;
        equal((claimed.len(), claim.is_unsettled()), (1, false))?;
        equal(stored(&*given.store, jobs[0].id).await?, claimed.into_iter().next())?;
        equal(stored::<Job>(&*given.store, jobs[1].id).await?.map(|job| job.state), Some(JobState::Available))?;
    }
    Ok(())
}

/// Both are available again, but not as the claim has seen them.
async fn a_job_that_was_taken_meanwhile_is_left_to_the_other_claim(given: &Given) -> Checked {
    let (queue, jobs) = put_two(given).await?;
    let runtime = Runtime { clock: Arc::new(Hurried::default()), ..world::runtime() };
    let (claims, left) = losing(given, Fate::Undone, u64::MAX, runtime);
    let claim = claims.prepare(&queue, 2);
    holds(claim.execute().await.is_err(), "each answer is lost")?;
    left.store(0, Ordering::SeqCst);
    let others = ClaimJobs::new(given.store.clone(), world::runtime()).prepare(&queue, 1).execute().await?;
    let mut other = some(others.into_iter().next(), "a job for the other claim")?;
    let lease = some(other.lease, "the lease of the other claim")?;
    other.hand_back(lease.token, world::now())?;
    save(&*given.store, &mut other).await?;
    let claimed = claim.execute().await?;
    equal(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), vec![jobs[1].id])?;
    equal(stored(&*given.store, other.id).await?, Some(other))
}

/// A claim of two jobs of the queue, of which no answer has come and which is not stored. Answers come again.
async fn lost<'a>(claims: &'a ClaimJobs, left: &AtomicU64, queue: &QueueName) -> Checked<JobClaim<'a>> {
    let claim = claims.prepare(queue, 2);
    holds(claim.execute().await.is_err() && claim.is_unsettled(), "each answer is lost")?;
    left.store(0, Ordering::SeqCst);
    Ok(claim)
}

/// A job of another queue with the same key runs meanwhile, maybe for long.
async fn a_claim_waits_for_no_other_job_with_its_ordering_key(given: &Given) -> Checked {
    let (queue, mut jobs) = put_two(given).await?;
    let key = OrderingKey::parse(&format!("account {}", world::uuid()))?;
    jobs[0].ordering_key = Some(key.clone());
    save(&*given.store, &mut jobs[0]).await?;
    let runtime = Runtime { clock: Arc::new(Hurried::default()), ..world::runtime() };
    let (claims, left) = losing(given, Fate::Undone, u64::MAX, runtime);
    let claim = lost(&claims, &left, &queue).await?;
    let other = Job { queue: self::queue()?, ordering_key: Some(key), ..job(new()?) };
    put(&*given.store, std::slice::from_ref(&other)).await?;
    let others = ClaimJobs::new(given.store.clone(), world::runtime());
    equal(others.prepare(&other.queue, 1).execute().await?.len(), 1)?;
    equal((claim.execute().await?, claim.is_unsettled()), (vec![], false))?;
    // A store may still roll back what was undone, and a claim passes over the rows of units that are open.
    let mut free = vec![];
    for _ in 0..500 {
        free = others.prepare(&queue, 9).execute().await?;
        if !free.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    equal(free.iter().map(|job| job.id).collect::<Vec<_>>(), vec![jobs[1].id])
}

async fn a_claim_that_is_executed_again_keeps_the_limit_of_the_queue(given: &Given) -> Checked {
    let (queue, _) = put_two(given).await?;
    put_limited(given, &queue, 2).await?;
    let third = Job { queue: queue.clone(), priority: Priority::LAST, ..job(new()?) };
    put(&*given.store, std::slice::from_ref(&third)).await?;
    let runtime = Runtime { clock: Arc::new(Hurried::default()), ..world::runtime() };
    let (claims, left) = losing(given, Fate::Undone, u64::MAX, runtime);
    let claim = lost(&claims, &left, &queue).await?;
    let mut running = third.clone();
    running.claim(LeaseToken::new(world::uuid()), world::now());
    save(&*given.store, &mut running).await?;
    equal((claim.execute().await?.len(), claim.is_unsettled()), (1, false))?;
    let others = ClaimJobs::new(given.store.clone(), world::runtime());
    equal(others.prepare(&queue, 9).execute().await?, vec![])
}
