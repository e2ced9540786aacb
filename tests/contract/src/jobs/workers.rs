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
    jobs::{Backoff, Concurrency, Job, JobState, Progress, Queue, QueueId, QueueName, Retry},
    shared::{Fenced, LeaseToken, Timestamp},
};
use std::{slice::from_ref, sync::Arc, time::Duration};

clauses! { clauses of "jobs" on dyn JobsStore:
    a_job_goes_from_worker_to_worker_until_it_is_done,
    a_lost_worker_is_fenced_off,
    a_beating_worker_keeps_its_job,
    a_completion_happens_with_its_effect_or_not_at_all,
    a_paused_queue_gives_no_jobs,
    racing_workers_run_no_more_jobs_than_the_queue_allows ["QueueRepository 1"],
    the_next_attempt_goes_on_from_the_last_report,
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
        put(&*given.store, from_ref(&job)).await?;
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
        let settled =
            self.settle.execute(&[SettledJob { id: job.id, token, ticket: None, progress: None, how }]).await?;
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
    let beat = Beat { id: new.id, token: lost, ticket: None, progress: None };
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
        let beat = Beat { id: new.id, token, ticket: None, progress: progress.clone() };
        equal(workers.beat.execute(&[beat]).await?, vec![Ok(false)])?;
        equal(rescue.execute().await?, vec![])?;
    }
    let mut job: Job = some(stored(&*given.store, new.id).await?, "the job")?;
    equal((job.lease.map(|lease| lease.beat), job.progress.clone()), (Some(2), progress.clone()))?;
    let _ = job.cancel(sample::at(9));
    super::repository::save(&*given.store, &mut job).await?;
    let unknown = Beat { id: self::job(self::new()?).id, token, ticket: None, progress: None };
    let beats = [
        Beat { id: new.id, token, ticket: None, progress: None },
        unknown,
        Beat { id: new.id, token: self::token(), ticket: None, progress },
    ];
    equal(workers.beat.execute(&beats).await?, vec![Ok(true), Err(Fenced), Err(Fenced)])?;
    equal(workers.settle_one(&new, token, Settlement::Stopped).await?, Ok(()))?;
    equal(stored::<Job>(&*given.store, new.id).await?.map(|job| job.state), Some(JobState::Cancelled))
}

async fn a_completion_happens_with_its_effect_or_not_at_all(given: &Given) -> Checked {
    let workers = Workers::of(given)?;
    let new = workers.put(given).await?;
    let (_, token) = workers.claim_one().await?;
    let effect = self::job(self::new()?);
    let done = [SettledJob { id: new.id, token, ticket: None, progress: None, how: Settlement::Complete(None) }];
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
    let open = OpenQueues::new(given.store.clone(), given.store.clone(), world::runtime());
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

/// Stores the queue, of which this many jobs may run at a time.
pub(super) async fn put_limited(given: &Given, name: &QueueName, concurrency: i64) -> Checked {
    let queue = Queue::create(QueueId::new(world::uuid()), name.clone(), sample::at(0));
    let queue = Queue { concurrency: Concurrency::new(concurrency), ..queue };
    Ok(commit!(given.store, tx => tx.queues().insert(&queue).await?)?)
}

async fn racing_workers_run_no_more_jobs_than_the_queue_allows(given: &Given) -> Checked {
    for _ in 0..4 {
        let workers = Arc::new(Workers::of(given)?);
        put_limited(given, &workers.queue, 3).await?;
        for _ in 0..12 {
            workers.put(given).await?;
        }
        let start = Arc::new(tokio::sync::Barrier::new(5));
        let race = |_| {
            let (workers, start) = (workers.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                workers.claim(2).await
            })
        };
        let mut claimed = vec![];
        for worker in (0..5).map(race).collect::<Vec<_>>() {
            claimed.extend(worker.await??);
        }
        equal(claimed.len(), 3)?;
        let job = some(claimed.pop(), "a claimed job")?;
        let lease = some(job.lease, "the lease of a claimed job")?;
        equal(workers.settle_one(&job, lease.token, Settlement::Complete(None)).await?, Ok(()))?;
        equal((workers.claim(9).await?.len(), workers.claim(9).await?.len()), (1, 0))?;
    }
    Ok(())
}

async fn the_next_attempt_goes_on_from_the_last_report(given: &Given) -> Checked {
    let workers = Workers::of(given)?;
    let new = workers.put(given).await?;
    let fail = Settlement::Fail { message: "no".to_owned(), retry: Retry::At(Timestamp::MIN), backoff: Backoff::USUAL };
    for (percent, how) in [(10, fail), (20, Settlement::Snooze(Timestamp::MIN)), (30, Settlement::HandBack)] {
        let (_, token) = workers.claim_one().await?;
        let report =
            |percent: u8| Progress { percent, message: String::new(), checkpoint: Some(format!("[{percent}]")) };
        let beat = Beat { id: new.id, token, ticket: None, progress: Some(report(percent)) };
        equal(workers.beat.execute(&[beat]).await?, vec![Ok(false)])?;
        let settled = SettledJob { id: new.id, token, ticket: None, progress: Some(report(percent + 1)), how };
        equal(workers.settle.execute(from_ref(&settled)).await?, vec![Ok(())])?;
        let stored: Job = some(stored(&*given.store, new.id).await?, "the job")?;
        equal(stored.progress, Some(report(percent + 1)))?;
        // The worker is not the holder any more.
        equal(
            workers.settle.execute(&[SettledJob { progress: Some(report(0)), ..settled }]).await?,
            vec![Err(Fenced)],
        )?;
        workers.promote.execute().await?;
    }
    let (job, token) = workers.claim_one().await?;
    equal(job.progress.clone().and_then(|progress| progress.checkpoint).as_deref(), Some("[31]"))?;
    equal(workers.settle_one(&job, token, Settlement::Complete(None)).await?, Ok(()))?;
    equal(stored::<Job>(&*given.store, new.id).await?.and_then(|job| job.progress), job.progress)
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
    let (put, ()) = tokio::join!(put(&*given.store, from_ref(&other)), signal.later_than(seen));
    Ok(put?)
}
