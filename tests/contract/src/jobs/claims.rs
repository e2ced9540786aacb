//! The parts of `JobRepository` and `JobQueries` that workers use.

use super::repository::{insert, job, new, save, token};
use crate::{
    check::{Checked, duplicate, equal, holds, some},
    clause::{self, clauses},
    laws::put,
    sample,
    units::{commit, look},
    world,
};
use skep_application::{
    jobs::{JobsStore, ReadyJob, constraints::JOB_RUNNING_KEY},
    kernel::StoreError,
};
use skep_domain::{
    jobs::{Job, JobId, JobState, OrderingKey, Priority, QueueName},
    shared::Lease,
};
use std::{collections::BTreeSet, sync::Arc};

clauses! { clauses of "jobs" on dyn JobsStore:
    available_jobs_come_in_their_order ["JobRepository 3", "JobQueries 3"],
    of_jobs_with_one_ordering_key_the_first_comes ["JobRepository 3", "JobQueries 3"],
    a_key_waits_for_no_other_queue ["JobRepository 3"],
    a_claimed_job_is_left_out_and_a_key_comes_back ["JobRepository 3", "JobQueries 3"],
    many_keys_at_the_front_hold_up_no_other_job ["JobRepository 3"],
    two_jobs_with_one_ordering_key_never_run ["JobRepository 5"],
    racing_workers_claim_each_job_once ["JobRepository 2"],
    racing_workers_run_one_job_of_a_key ["JobRepository 5"],
    due_jobs_come_in_the_order_of_their_times ["JobRepository 4"],
    a_list_of_ready_jobs_locks_nothing ["JobQueries 3"],
    jobs_are_found_by_their_ids,
    the_held_jobs_are_those_that_run ["JobQueries 1"],
    the_next_time_is_the_earliest_of_those_that_wait ["JobQueries 2"],
}

type Given = clause::Given<dyn JobsStore>;

/// A queue that no other trial uses.
pub(super) fn queue() -> Checked<QueueName> {
    Ok(QueueName::parse(&format!("q-{}", world::uuid()))?)
}

fn ordering_key() -> Checked<Option<OrderingKey>> {
    Ok(Some(OrderingKey::parse(&format!("account {}", world::uuid()))?))
}

fn waiting(queue: &QueueName, ready_at: i64) -> Checked<Job> {
    Ok(Job { queue: queue.clone(), ready_at: sample::at(ready_at), ..job(new()?) })
}

async fn available(given: &Given, queue: &QueueName, limit: u32) -> Checked<Vec<JobId>> {
    let found = look!(given.store, tx => tx.jobs().list_available(queue, limit).await?)?;
    let ready: Vec<_> = found.iter().map(ReadyJob::from).collect();
    equal(given.store.list_ready(queue, limit).await?, ready)?;
    Ok(found.iter().map(|job| job.id).collect())
}

/// Claims at most `limit` jobs, as a worker does.
async fn claim(store: &dyn JobsStore, queue: &QueueName, limit: u32) -> Result<Vec<Job>, StoreError> {
    let token = token();
    let claimed = commit!(store, tx => {
        let mut jobs = tx.jobs().list_available(queue, limit).await?;
        jobs.retain_mut(|job| job.claim(token, sample::at(1_000)));
        tx.jobs().save_many(&jobs).await.map_err(|error| match error {
            StoreError::Duplicate { .. } => StoreError::Retry(error.into()),
            error => error,
        })?;
        jobs
    })?;
    Ok(claimed.into_iter().map(|job| Job { version: job.version.next(), ..job }).collect())
}

async fn available_jobs_come_in_their_order(given: &Given) -> Checked {
    let (queue, other) = (queue()?, queue()?);
    let mut jobs = vec![waiting(&queue, 5)?, waiting(&queue, 3)?, waiting(&queue, 3)?, waiting(&queue, 9)?];
    jobs[3].priority = Priority::FIRST;
    let mut others = vec![waiting(&other, 1)?];
    for state in JobState::ALL.iter().copied().filter(|state| *state != JobState::Available) {
        let lease = (state == JobState::Running).then(|| Lease::new(token()));
        let finished_at = state.is_final().then(|| sample::at(1));
        others.push(Job { state, lease, finished_at, ..waiting(&queue, 0)? });
    }
    put(&*given.store, &jobs).await?;
    put(&*given.store, &others).await?;
    let expected = [jobs[3].id, jobs[1].id.min(jobs[2].id), jobs[1].id.max(jobs[2].id), jobs[0].id];
    equal(available(given, &queue, 10).await?, expected.to_vec())?;
    equal(available(given, &queue, 2).await?, expected[..2].to_vec())?;
    equal(available(given, &queue, 0).await?, vec![])
}

async fn of_jobs_with_one_ordering_key_the_first_comes(given: &Given) -> Checked {
    let (queue, key) = (queue()?, ordering_key()?);
    let with = |key: &Option<OrderingKey>, ready_at| -> Checked<Job> {
        Ok(Job { ordering_key: key.clone(), ..waiting(&queue, ready_at)? })
    };
    let jobs = [with(&key, 2)?, with(&key, 1)?, with(&key, 1)?, with(&ordering_key()?, 4)?, with(&None, 3)?];
    put(&*given.store, &jobs).await?;
    let first = jobs[1].id.min(jobs[2].id);
    equal(available(given, &queue, 10).await?, vec![first, jobs[4].id, jobs[3].id])
}

/// The other queue may be paused.
async fn a_key_waits_for_no_other_queue(given: &Given) -> Checked {
    let (one, other, key) = (queue()?, queue()?, ordering_key()?);
    let jobs =
        [Job { ordering_key: key.clone(), ..waiting(&other, 1)? }, Job { ordering_key: key, ..waiting(&one, 2)? }];
    put(&*given.store, &jobs).await?;
    equal(available(given, &one, 9).await?, vec![jobs[1].id])
}

async fn a_claimed_job_is_left_out_and_a_key_comes_back(given: &Given) -> Checked {
    let (queue, key) = (queue()?, ordering_key()?);
    let with = |ready_at| -> Checked<Job> { Ok(Job { ordering_key: key.clone(), ..waiting(&queue, ready_at)? }) };
    let jobs = [with(1)?, with(2)?, waiting(&queue, 3)?];
    put(&*given.store, &jobs).await?;
    let mut claimed = claim(&*given.store, &queue, 1).await?;
    equal(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), vec![jobs[0].id])?;
    equal(available(given, &queue, 10).await?, vec![jobs[2].id])?;
    let mut done = claimed.remove(0);
    let lease = some(done.lease, "the lease of a claimed job")?;
    done.complete(lease.token, None, sample::at(2_000))?;
    save(&*given.store, &mut done).await?;
    equal(available(given, &queue, 10).await?, vec![jobs[1].id, jobs[2].id])
}

async fn many_keys_at_the_front_hold_up_no_other_job(given: &Given) -> Checked {
    let (queue, key) = (queue()?, ordering_key()?);
    let mut jobs = vec![];
    for ready_at in 0..150 {
        jobs.push(Job { ordering_key: key.clone(), ..waiting(&queue, ready_at)? });
    }
    jobs.push(waiting(&queue, 1_000)?);
    put(&*given.store, &jobs).await?;
    equal(available(given, &queue, 2).await?, vec![jobs[0].id, jobs[150].id])?;
    claim(&*given.store, &queue, 1).await?;
    equal(available(given, &queue, 2).await?, vec![jobs[150].id])
}

async fn two_jobs_with_one_ordering_key_never_run(given: &Given) -> Checked {
    let (one, other, key) = (queue()?, queue()?, ordering_key()?);
    let mut jobs = [waiting(&one, 1)?, waiting(&other, 1)?];
    for job in &mut jobs {
        job.ordering_key.clone_from(&key);
        insert(&*given.store, job).await?;
    }
    jobs[0].claim(token(), sample::at(2));
    save(&*given.store, &mut jobs[0]).await?;
    jobs[1].claim(token(), sample::at(2));
    let mut tx = crate::units::write(&*given.store).await?;
    duplicate(tx.jobs().save_many(&jobs[1..]).await, JOB_RUNNING_KEY)?;
    drop(tx);
    equal(available(given, &other, 9).await?, vec![])
}

async fn racing_workers_claim_each_job_once(given: &Given) -> Checked {
    let queue = queue()?;
    let mut jobs = vec![];
    for ready_at in 0..60 {
        jobs.push(waiting(&queue, ready_at)?);
    }
    put(&*given.store, &jobs).await?;
    let start = Arc::new(tokio::sync::Barrier::new(5));
    let worker = |_| {
        let (store, start, queue) = (given.store.clone(), start.clone(), queue.clone());
        tokio::spawn(async move {
            start.wait().await;
            let mut claimed = vec![];
            loop {
                let jobs = claim(&*store, &queue, 4).await?;
                if jobs.is_empty() {
                    break Ok::<_, StoreError>(claimed);
                }
                claimed.extend(jobs.into_iter().map(|job| job.id));
            }
        })
    };
    let mut claimed = vec![];
    for worker in (0..5).map(worker).collect::<Vec<_>>() {
        claimed.extend(worker.await??);
    }
    // A worker that skips the jobs that others have locked may find none and stop, but it never takes one of theirs.
    claimed.extend(claim(&*given.store, &queue, 100).await?.into_iter().map(|job| job.id));
    equal((claimed.len(), claimed.into_iter().collect::<BTreeSet<_>>().len()), (60, 60))
}

async fn racing_workers_run_one_job_of_a_key(given: &Given) -> Checked {
    for _ in 0..4 {
        let (queues, key) = ([queue()?, queue()?], ordering_key()?);
        let mut jobs = vec![];
        for queue in queues.iter().cycle().take(4) {
            jobs.push(Job { ordering_key: key.clone(), ..waiting(queue, 1)? });
        }
        put(&*given.store, &jobs).await?;
        let start = Arc::new(tokio::sync::Barrier::new(4));
        let worker = |number: usize| {
            let (store, start, queue) = (given.store.clone(), start.clone(), queues[number % 2].clone());
            tokio::spawn(async move {
                start.wait().await;
                claim(&*store, &queue, 4).await
            })
        };
        let mut claimed = 0;
        for worker in (0..4).map(worker).collect::<Vec<_>>() {
            claimed += worker.await??.len();
        }
        holds(claimed <= 1, format!("{claimed} jobs of one key run"))?;
    }
    Ok(())
}

async fn due_jobs_come_in_the_order_of_their_times(given: &Given) -> Checked {
    let queue = queue()?;
    let in_state = |state: JobState, ready_at| -> Checked<Job> {
        let finished_at = state.is_final().then(|| sample::at(1));
        Ok(Job { state, finished_at, ..waiting(&queue, ready_at)? })
    };
    let jobs = [
        in_state(JobState::Scheduled, 30)?,
        in_state(JobState::Retryable, 10)?,
        in_state(JobState::Scheduled, 20)?,
        in_state(JobState::Scheduled, 31)?,
        in_state(JobState::Available, 1)?,
        in_state(JobState::Completed, 1)?,
    ];
    put(&*given.store, &jobs).await?;
    let due = async |now, limit| -> Checked<Vec<JobId>> {
        let found = look!(given.store, tx => tx.jobs().list_due(sample::at(now), limit).await?)?;
        Ok(found.iter().map(|job| job.id).collect())
    };
    equal(due(30, 10).await?, vec![jobs[1].id, jobs[2].id, jobs[0].id])?;
    equal(due(30, 2).await?, vec![jobs[1].id, jobs[2].id])?;
    equal(due(9, 10).await?, vec![])
}

async fn a_list_of_ready_jobs_locks_nothing(given: &Given) -> Checked {
    let queue = queue()?;
    let jobs = [waiting(&queue, 1)?, waiting(&queue, 2)?];
    put(&*given.store, &jobs).await?;
    let ready = given.store.list_ready(&queue, 9).await?;
    equal(ready, jobs.iter().map(ReadyJob::from).collect::<Vec<_>>())?;
    equal(claim(&*given.store, &queue, 9).await?.len(), 2)
}

async fn jobs_are_found_by_their_ids(given: &Given) -> Checked {
    let queue = queue()?;
    let jobs = [waiting(&queue, 1)?, waiting(&queue, 2)?, waiting(&queue, 3)?];
    put(&*given.store, &jobs).await?;
    let mut found = given.store.find_jobs(&[jobs[2].id, job(new()?).id, jobs[0].id]).await?;
    found.sort_by_key(|job| job.ready_at);
    equal(found, vec![jobs[0].clone(), jobs[2].clone()])?;
    equal(given.store.find_jobs(&[]).await?, vec![])
}

async fn the_held_jobs_are_those_that_run(given: &Given) -> Checked {
    let queue = queue()?;
    let jobs = [waiting(&queue, 1)?, waiting(&queue, 2)?, waiting(&queue, 3)?];
    put(&*given.store, &jobs).await?;
    equal(given.store.list_held().await?, vec![])?;
    let claimed = claim(&*given.store, &queue, 2).await?;
    let mut held = given.store.list_held().await?;
    held.sort_by_key(|(id, _)| *id);
    let mut expected: Vec<_> = claimed.iter().filter_map(|job| job.lease.map(|lease| (job.id, lease))).collect();
    expected.sort_by_key(|(id, _)| *id);
    equal((held.len(), held), (2, expected))
}

async fn the_next_time_is_the_earliest_of_those_that_wait(given: &Given) -> Checked {
    let queue = queue()?;
    equal(given.store.next_ready_at().await?, None)?;
    for (ready_at, state, expected) in [
        (1, JobState::Available, None),
        (50, JobState::Scheduled, Some(50)),
        (40, JobState::Retryable, Some(40)),
        (60, JobState::Scheduled, Some(40)),
        (30, JobState::Cancelled, Some(40)),
    ] {
        let finished_at = state.is_final().then(|| sample::at(1));
        put(&*given.store, &[Job { state, finished_at, ..waiting(&queue, ready_at)? }]).await?;
        equal(given.store.next_ready_at().await?, expected.map(sample::at))?;
    }
    Ok(())
}
