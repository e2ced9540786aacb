//! Workers, through the use cases that Skep runs.

use super::{
    claims::queue,
    repository::{job, new, token},
};
use crate::{
    check::{Checked, equal, some},
    clause::{self, clauses},
    laws::{put, stored},
    sample,
    units::commit,
    world,
};
use skep_application::{
    jobs::{
        Beat, BeatJobs, ClaimJobs, JobsStore, OpenQueues, PromoteJobs, RescueJobs, SettleJobs, SettledJob, Settlement,
        settle,
    },
    kernel::StoreError,
};
use skep_domain::{
    jobs::{Backoff, Job, JobState, Progress, QueueName, Retry},
    shared::{Fenced, LeaseToken, Timestamp},
};
use std::time::Duration;

clauses! { clauses of "jobs" on dyn JobsStore:
    a_job_goes_from_worker_to_worker_until_it_is_done,
    a_lost_worker_is_fenced_off,
    a_beating_worker_keeps_its_job,
    a_completion_happens_with_its_effect_or_not_at_all,
    a_paused_queue_gives_no_jobs,
    a_job_becomes_available_when_its_time_has_come,
    a_commit_wakes_those_who_wait_for_jobs ["Signaling 1"],
}

type Given = clause::Given<dyn JobsStore>;

struct Workers {
    claim: ClaimJobs,
    beat: BeatJobs,
    settle: SettleJobs,
    promote: PromoteJobs,
    queue: QueueName,
}

impl Workers {
    fn of(given: &Given) -> Checked<Self> {
        let (store, runtime) = (given.store.clone(), world::runtime());
        Ok(Self {
            claim: ClaimJobs::new(store.clone(), runtime.clone()),
            beat: BeatJobs::new(store.clone(), runtime.clone()),
            settle: SettleJobs::new(store.clone(), runtime.clone()),
            promote: PromoteJobs::new(store.clone(), store, runtime),
            queue: queue()?,
        })
    }

    /// Stores a job that is ready.
    async fn put(&self, given: &Given) -> Checked<Job> {
        let job = Job { queue: self.queue.clone(), ready_at: Timestamp::MIN, ..job(new()?) };
        put(&*given.store, std::slice::from_ref(&job)).await?;
        Ok(job)
    }

    async fn claim(&self, limit: u32) -> Result<Vec<Job>, StoreError> {
        self.claim.prepare(&self.queue, limit).execute().await
    }

    async fn claim_one(&self) -> Checked<(Job, LeaseToken)> {
        let job = some(self.claim(1).await?.pop(), "an available job")?;
        let lease = some(job.lease, "the lease of a claimed job")?;
        Ok((job, lease.token))
    }

    async fn settle_one(&self, job: &Job, token: LeaseToken, how: Settlement) -> Checked<Result<(), Fenced>> {
        let settled = self.settle.execute(&[SettledJob { id: job.id, token, how }]).await?;
        some(settled.into_iter().next(), "the result")
    }
}

async fn a_job_goes_from_worker_to_worker_until_it_is_done(given: &Given) -> Checked {
    let workers = Workers::of(given)?;
    let new = workers.put(given).await?;
    let (claimed, first) = workers.claim_one().await?;
    equal((claimed.state, claimed.attempt), (JobState::Running, 1))?;
    equal(stored(&*given.store, new.id).await?, Some(claimed.clone()))?;
    equal(workers.claim(9).await?, vec![])?;
    let retry = Retry::At(Timestamp::MIN);
    let how = Settlement::Fail { message: "no reason".to_owned(), retry, backoff: Backoff::USUAL };
    equal(workers.settle_one(&claimed, first, how).await?, Ok(()))?;
    let (promoted, _) = workers.promote.execute().await?;
    equal(promoted, 1)?;
    let (claimed, second) = workers.claim_one().await?;
    equal((claimed.attempt, claimed.failures.len()), (2, 1))?;
    let done = || Settlement::Complete(Some("7".to_owned()));
    equal(workers.settle_one(&claimed, first, done()).await?, Err(Fenced))?;
    equal(workers.settle_one(&claimed, second, done()).await?, Ok(()))?;
    let job: Job = some(stored(&*given.store, new.id).await?, "the job")?;
    equal((job.state, job.output.as_deref(), job.lease), (JobState::Completed, Some("7"), None))?;
    equal(workers.settle_one(&claimed, second, done()).await?, Err(Fenced))
}

/// The observer sees the job twice without a beat in between, and its term is over at once.
async fn a_lost_worker_is_fenced_off(given: &Given) -> Checked {
    let workers = Workers::of(given)?;
    let new = workers.put(given).await?;
    let (claimed, lost) = workers.claim_one().await?;
    let rescue = RescueJobs::new(given.store.clone(), given.store.clone(), world::runtime(), Duration::ZERO);
    equal(rescue.execute().await?, vec![new.id])?;
    equal(rescue.execute().await?, vec![])?;
    let beat = Beat { id: new.id, token: lost, progress: None };
    equal(workers.beat.execute(&[beat]).await?, vec![Err(Fenced)])?;
    let (again, token) = workers.claim_one().await?;
    equal((again.attempt, again.lost), (2, 1))?;
    equal(workers.settle_one(&claimed, lost, Settlement::Complete(None)).await?, Err(Fenced))?;
    equal(stored(&*given.store, new.id).await?, Some(again.clone()))?;
    equal(workers.settle_one(&again, token, Settlement::Complete(None)).await?, Ok(()))
}

async fn a_beating_worker_keeps_its_job(given: &Given) -> Checked {
    let workers = Workers::of(given)?;
    let new = workers.put(given).await?;
    let (_, token) = workers.claim_one().await?;
    let term = Duration::from_secs(3_600);
    let rescue = RescueJobs::new(given.store.clone(), given.store.clone(), world::runtime(), term);
    let progress = Some(Progress { percent: 50, message: "half".to_owned(), checkpoint: Some("[1]".to_owned()) });
    for _ in 0..2 {
        let beat = Beat { id: new.id, token, progress: progress.clone() };
        equal(workers.beat.execute(&[beat]).await?, vec![Ok(false)])?;
        equal(rescue.execute().await?, vec![])?;
    }
    let mut job: Job = some(stored(&*given.store, new.id).await?, "the job")?;
    equal((job.lease.map(|lease| lease.beat), job.progress.clone()), (Some(2), progress.clone()))?;
    let _ = job.cancel(sample::at(9));
    super::repository::save(&*given.store, &mut job).await?;
    let unknown = Beat { id: self::job(self::new()?).id, token, progress: None };
    let beats =
        [Beat { id: new.id, token, progress: None }, unknown, Beat { id: new.id, token: self::token(), progress }];
    equal(workers.beat.execute(&beats).await?, vec![Ok(true), Err(Fenced), Err(Fenced)])?;
    equal(workers.settle_one(&new, token, Settlement::Stopped).await?, Ok(()))?;
    equal(stored::<Job>(&*given.store, new.id).await?.map(|job| job.state), Some(JobState::Cancelled))
}

async fn a_completion_happens_with_its_effect_or_not_at_all(given: &Given) -> Checked {
    let workers = Workers::of(given)?;
    let new = workers.put(given).await?;
    let (_, token) = workers.claim_one().await?;
    let effect = self::job(self::new()?);
    let done = [SettledJob { id: new.id, token, how: Settlement::Complete(None) }];
    let mut tx = crate::units::write(&*given.store).await?;
    tx.jobs().insert(&effect).await?;
    equal(settle(tx.jobs(), &done, sample::at(5), 0.0).await?, vec![Ok(())])?;
    drop(tx);
    let states = async || -> Checked<(Option<JobState>, bool)> {
        let job = stored::<Job>(&*given.store, new.id).await?;
        Ok((job.map(|job| job.state), given.store.find_job(effect.id).await?.is_some()))
    };
    equal(states().await?, (Some(JobState::Running), false))?;
    let settled = commit!(given.store, tx => {
        tx.jobs().insert(&effect).await?;
        settle(tx.jobs(), &done, sample::at(5), 0.0).await?
    })?;
    equal((settled, states().await?), (vec![Ok(())], (Some(JobState::Completed), true)))
}

async fn a_paused_queue_gives_no_jobs(given: &Given) -> Checked {
    let workers = Workers::of(given)?;
    let new = workers.put(given).await?;
    let open = OpenQueues::new(given.store.clone(), world::runtime());
    let names = [workers.queue.clone(), workers.queue.clone()];
    let (one, other) = tokio::join!(open.execute(&names), open.execute(&names));
    one?;
    other?;
    let pause = async |paused: bool| {
        commit!(given.store, tx => {
            let queue = tx.queues().find(&workers.queue).await?;
            let mut queue = queue.ok_or_else(|| StoreError::Corrupt("the queue is missing".into()))?;
            if paused { queue.pause(sample::at(5)) } else { queue.resume(sample::at(6)) };
            tx.queues().save(&queue).await?
        })
    };
    pause(true).await?;
    equal(workers.claim(9).await?, vec![])?;
    pause(false).await?;
    equal(workers.claim_one().await?.0.id, new.id)
}

async fn a_job_becomes_available_when_its_time_has_come(given: &Given) -> Checked {
    let workers = Workers::of(given)?;
    let now = world::now();
    let mut jobs = vec![];
    for millis in [-20, -10, 3_600_000] {
        let (queue, ready_at) = (workers.queue.clone(), now.plus_millis(millis));
        jobs.push(Job { queue, ready_at, state: JobState::Scheduled, ..job(new()?) });
    }
    put(&*given.store, &jobs).await?;
    let (promoted, wait) = workers.promote.execute().await?;
    let wait = some(wait, "the time until the next job")?;
    equal((promoted, wait > Duration::from_secs(3_500), wait <= Duration::from_secs(3_600)), (2, true, true))?;
    equal(workers.promote.execute().await?.0, 0)?;
    let claimed: Vec<_> = workers.claim(9).await?.iter().map(|job| job.id).collect();
    equal(claimed, vec![jobs[0].id, jobs[1].id])
}

/// Each wait ends, because the commit comes before it or while it lasts.
async fn a_commit_wakes_those_who_wait_for_jobs(given: &Given) -> Checked {
    let workers = Workers::of(given)?;
    let signal = &given.store.signals().jobs;
    let seen = signal.seen();
    let new = workers.put(given).await?;
    signal.later_than(seen).await;
    let (claimed, token) = workers.claim_one().await?;
    let seen = signal.seen();
    workers.settle_one(&claimed, token, Settlement::HandBack).await?.map_err(|_| crate::Failure::new("fenced"))?;
    signal.later_than(seen).await;
    equal(workers.claim_one().await?.0.id, new.id)?;
    let other = Job { queue: workers.queue.clone(), ..job(self::new()?) };
    let seen = signal.seen();
    let (put, ()) = tokio::join!(put(&*given.store, std::slice::from_ref(&other)), signal.later_than(seen));
    Ok(put?)
}
