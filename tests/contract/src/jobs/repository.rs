//! `JobRepository` and `JobQueries`, as far as they store and find jobs.

use crate::{
    check::{Checked, duplicate, equal, some},
    clause::{self, clauses},
    laws::{Batched, Entity, Listed, Shown, Unique, Versioned, batches, lists, put, put_sample, saves, shows, stored},
    sample,
    units::{commit, look},
    world,
};
use async_trait::async_trait;
use skep_application::{
    jobs::{
        JobFilter, JobSort, JobSortKey, JobSummary, JobsStore, JobsTx,
        constraints::{JOB_ID, JOB_UNIQUE_KEY},
    },
    kernel::{Page, PageRequest, Position, Scope, StoreError},
};
use skep_domain::{
    jobs::{
        Failure, Job, JobArgs, JobId, JobKind, JobOrigin, JobState, JobStates, NewJob, OrderingKey, Priority, Progress,
        QueueName, UniqueKey, Uniqueness,
    },
    shared::{Direction, Lease, LeaseToken, Timestamp, Version},
};
use std::{slice::from_ref, sync::Arc};

clauses! { clauses of "jobs" on dyn JobsStore, with [
        saves::clauses::<Job>("jobs"),
        batches::clauses::<Job>("jobs"),
        shows::clauses::<Job>("job_queries"),
        lists::clauses::<Job>("job_queries"),
    ]:
    the_holder_of_a_unique_key_is_returned ["JobRepository 1"],
    a_key_is_free_in_other_states ["JobRepository 1"],
    of_racing_jobs_with_one_key_one_is_stored ["JobRepository 1"],
    a_save_cannot_take_the_key_of_another_job ["JobRepository 6"],
    what_never_changes_stays,
    a_list_has_the_jobs_that_its_filter_admits,
    waiting_jobs_are_counted_by_owner_and_kind,
    old_jobs_are_swept_and_nothing_else ["JobRepository 7"],
}

type Given = clause::Given<dyn JobsStore>;

pub(super) fn new() -> Checked<NewJob> {
    Ok(NewJob::of(JobKind::parse("shop.greet")?, JobArgs::parse(r#"{"name":"Beatrix €"}"#)?))
}

pub(super) fn job(new: NewJob) -> Job {
    let origin = JobOrigin { request_id: "request-1".to_owned(), traceparent: None };
    Job::create(JobId::new(world::uuid()), new, origin, sample::at(0))
}

pub(super) fn token() -> LeaseToken {
    LeaseToken::new(world::uuid())
}

/// A key that no other trial uses.
fn unique(states: JobStates) -> Checked<Option<Uniqueness>> {
    Ok(Some(Uniqueness { key: UniqueKey::parse(&format!("order ß {}", world::uuid()))?, states }))
}

/// Stores a job, or returns the holder of its key.
pub(super) async fn insert(store: &dyn JobsStore, job: &Job) -> Checked<Option<Job>> {
    Ok(commit!(store, tx => tx.jobs().insert(job).await?)?)
}

/// Saves a job, and gives it its new version.
pub(super) async fn save(store: &dyn JobsStore, job: &mut Job) -> Checked {
    commit!(store, tx => tx.jobs().save_many(from_ref(job)).await?)?;
    job.version = job.version.next();
    Ok(())
}

#[async_trait]
impl Entity for Job {
    type Id = JobId;
    type Store = dyn JobsStore;
    type Tx = dyn JobsTx;
    const UNIQUE: &'static [Unique<Self>] =
        &[Unique { rule: JOB_ID, collide: |one, other| other.id = one.id, on_save: false }];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        Ok(job(new()?))
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        let long = "\u{10FFFD}".repeat(200);
        let key = UniqueKey::parse(&format!("{}{}", &long[..600], world::uuid()))?;
        let full = Job {
            kind: JobKind::parse(&"z".repeat(100))?,
            queue: QueueName::parse("0._-")?,
            args: JobArgs::parse(format!("\"{}\"", "a".repeat(Job::ARGS_MAX - 2)))?,
            priority: Priority::LAST,
            state: JobState::Running,
            ready_at: Timestamp::MAX,
            attempt: u32::MAX,
            max_attempts: u32::MAX,
            lost: u32::MAX,
            lease: Some(Lease { token: token(), beat: u32::MAX }),
            unique: Some(Uniqueness { key, states: JobStates::NOT_GIVEN_UP }),
            ordering_key: Some(OrderingKey::parse(&format!("'; -- {}", world::uuid()))?),
            owner_id: Some(sample::user_id()),
            origin: JobOrigin { request_id: long.clone(), traceparent: Some("00-a-b-01".to_owned()) },
            progress: Some(Progress { percent: 100, message: long.clone(), checkpoint: Some("{}".to_owned()) }),
            cancel_requested_at: Some(Timestamp::MIN),
            output: Some("null".to_owned()),
            failures: vec![Failure { attempt: u32::MAX, at: Timestamp::MIN, message: long }],
            created_at: Timestamp::MIN,
            started_at: Some(Timestamp::MAX),
            ..job(new()?)
        };
        let ended = Job {
            state: JobState::Discarded,
            ready_at: Timestamp::MIN,
            priority: Priority::FIRST,
            finished_at: Some(Timestamp::MAX),
            created_at: Timestamp::MAX,
            progress: Some(Progress::default()),
            failures: vec![Failure { attempt: 0, at: Timestamp::MAX, message: String::new() }; Job::FAILURES_MAX],
            ..job(new()?)
        };
        Ok(vec![full, ended, job(NewJob { unique: unique(JobStates::of(&[]))?, ..new()? })])
    }

    fn id(&self) -> JobId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: JobId) -> Result<Option<Self>, StoreError> {
        tx.jobs().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        match tx.jobs().insert(self).await? {
            None => Ok(()),
            Some(other) => Err(StoreError::corrupt("jobs", other.id, "holds the key")),
        }
    }
}

#[async_trait]
impl Batched for Job {
    async fn find_many(tx: &mut Self::Tx, ids: &[JobId]) -> Result<Vec<Self>, StoreError> {
        tx.jobs().find_many(ids).await
    }
}

#[async_trait]
impl Versioned for Job {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        let number = u32::try_from(round)?;
        let (is_odd, at) = (round % 2 == 1, sample::at(100 * round));
        self.priority = if is_odd { Priority::FIRST } else { Priority::LAST };
        self.state = JobState::ALL[number as usize % JobState::ALL.len()];
        self.lease = (self.state == JobState::Running).then(|| Lease { token: token(), beat: number });
        self.finished_at = self.state.is_final().then_some(at);
        self.ready_at = at;
        (self.attempt, self.max_attempts, self.lost) = (number, number + 10, number + 20);
        self.unique = unique(if is_odd { JobStates::WAITING } else { JobStates::UNFINISHED })?;
        self.ordering_key = if is_odd { Some(OrderingKey::parse(&self.id.to_string())?) } else { None };
        self.progress = is_odd.then(|| Progress { percent: 7, message: number.to_string(), checkpoint: None });
        self.cancel_requested_at = is_odd.then_some(at);
        self.output = is_odd.then(|| number.to_string());
        self.failures = vec![Failure { attempt: number, at, message: number.to_string() }];
        self.started_at = Some(at);
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.jobs().save_many(from_ref(self)).await?;
        Ok(self.version.next())
    }
}

#[async_trait]
impl Shown for Job {
    type Row = JobSummary;

    fn row(&self) -> JobSummary {
        JobSummary::from(self)
    }

    async fn show(store: &Self::Store, _: Scope, id: JobId) -> Result<Option<JobSummary>, StoreError> {
        Ok(store.find_job(id).await?.as_ref().map(JobSummary::from))
    }
}

#[async_trait]
impl Listed for Job {
    type Sort = JobSortKey;
    const SORTS: &'static [JobSortKey] = JobSortKey::ALL;

    async fn common(_: &Self::Store, number: i64) -> Checked<Self> {
        Ok(Self { created_at: sample::at(number % 5 * 10), ..job(new()?) })
    }

    async fn edges(_: &Self::Store) -> Checked<Vec<Self>> {
        let new = new()?;
        Ok(sample::edges_of_time()?.into_iter().map(|created_at| Self { created_at, ..job(new.clone()) }).collect())
    }

    fn place(sort: JobSortKey, row: &JobSummary) -> Position {
        sort.position(row)
    }

    async fn list(
        store: &Self::Store,
        _: Scope,
        key: JobSortKey,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<JobSummary>, StoreError> {
        store.list_jobs(&JobFilter::default(), JobSort { key, direction }, page).await
    }
}

async fn the_holder_of_a_unique_key_is_returned(given: &Given) -> Checked {
    let unique = unique(JobStates::WAITING)?;
    let one = job(NewJob { unique: unique.clone(), ..new()? });
    let other = job(NewJob { unique, args: JobArgs::parse("2")?, ..new()? });
    equal(insert(&*given.store, &one).await?, None)?;
    equal(insert(&*given.store, &other).await?, Some(one.clone()))?;
    equal((stored(&*given.store, one.id).await?, stored::<Job>(&*given.store, other.id).await?), (Some(one), None))?;
    // Inside a unit, too.
    let unique = self::unique(JobStates::WAITING)?;
    let one = job(NewJob { unique: unique.clone(), ..new()? });
    let other = job(NewJob { unique, ..new()? });
    let found = commit!(given.store, tx => {
        (tx.jobs().insert(&one).await?, tx.jobs().insert(&other).await?)
    })?;
    equal(found, (None, Some(one)))
}

async fn a_key_is_free_in_other_states(given: &Given) -> Checked {
    let unique = unique(JobStates::WAITING)?;
    let new = NewJob { unique, ..new()? };
    let mut first = job(new.clone());
    equal(insert(&*given.store, &first).await?, None)?;
    first.claim(token(), sample::at(1));
    save(&*given.store, &mut first).await?;
    let second = job(new.clone());
    equal(insert(&*given.store, &second).await?, None)?;
    equal(insert(&*given.store, &job(new)).await?, Some(second))
}

async fn of_racing_jobs_with_one_key_one_is_stored(given: &Given) -> Checked {
    for _ in 0..4 {
        let new = NewJob { unique: unique(JobStates::UNFINISHED)?, ..new()? };
        let start = Arc::new(tokio::sync::Barrier::new(6));
        let race = |_| {
            let (store, start, job) = (given.store.clone(), start.clone(), job(new.clone()));
            tokio::spawn(async move {
                start.wait().await;
                let other = commit!(store, tx => tx.jobs().insert(&job).await?)?;
                Ok::<_, StoreError>(other.map_or(job.id, |other| other.id))
            })
        };
        let mut ids = vec![];
        for task in (0..6).map(race).collect::<Vec<_>>() {
            ids.push(task.await??);
        }
        ids.dedup();
        equal(ids.len(), 1)?;
    }
    Ok(())
}

async fn a_save_cannot_take_the_key_of_another_job(given: &Given) -> Checked {
    let new = NewJob { unique: unique(JobStates::WAITING)?, ..new()? };
    let mut cancelled = job(new.clone());
    insert(&*given.store, &cancelled).await?;
    let _ = cancelled.cancel(sample::at(1));
    save(&*given.store, &mut cancelled).await?;
    insert(&*given.store, &job(new)).await?;
    let mut retried = cancelled.clone();
    let _ = retried.retry(sample::at(2));
    let mut tx = crate::units::write(&*given.store).await?;
    duplicate(tx.jobs().save_many(from_ref(&retried)).await, JOB_UNIQUE_KEY)?;
    drop(tx);
    equal(stored(&*given.store, cancelled.id).await?, Some(cancelled))
}

async fn what_never_changes_stays(given: &Given) -> Checked {
    let before: Job = put_sample(&*given.store).await?;
    let changed = Job {
        kind: JobKind::parse("other")?,
        queue: QueueName::parse("other")?,
        args: JobArgs::parse("2")?,
        owner_id: Some(sample::user_id()),
        origin: JobOrigin { request_id: "other".to_owned(), traceparent: None },
        created_at: sample::at(9),
        ..before.clone()
    };
    save(&*given.store, &mut changed.clone()).await?;
    let after = Job { version: before.version.next(), ..before };
    equal(stored(&*given.store, after.id).await?, Some(after))
}

async fn a_list_has_the_jobs_that_its_filter_admits(given: &Given) -> Checked {
    let (kinds, queues) = (["one", "two"], ["one", "two"]);
    let mut jobs = vec![];
    for (number, state) in (0..).zip(JobState::ALL.iter().copied().cycle().take(28)) {
        let kind = JobKind::parse(kinds[number % 2])?;
        let queue = QueueName::parse(queues[number / 2 % 2])?;
        let finished_at = state.is_final().then(|| sample::at(1));
        let lease = (state == JobState::Running).then(|| Lease::new(token()));
        let created_at = sample::at(i64::try_from(number)?);
        jobs.push(Job { kind, queue, state, lease, finished_at, created_at, ..job(new()?) });
    }
    put(&*given.store, &jobs).await?;
    let sort = JobSort { key: JobSortKey::CreatedAt, direction: Direction::Ascending };
    let page = PageRequest { count_up_to: Some(1_000), ..PageRequest::default() };
    for state in [None, Some(JobState::Available), Some(JobState::Running), Some(JobState::Discarded)] {
        for (kind, queue) in [(None, None), (Some("one"), None), (None, Some("two")), (Some("two"), Some("one"))] {
            let kind = kind.map(JobKind::parse).transpose()?;
            let queue = queue.map(QueueName::parse).transpose()?;
            let filter = JobFilter { state, queue, kind };
            let expected: Vec<_> = jobs.iter().filter(|job| filter.admits(job)).map(JobSummary::from).collect();
            let found = given.store.list_jobs(&filter, sort, &page).await?;
            equal(some(found.total, "the total")?.count, expected.len() as u64)?;
            equal(found.items, expected.into_iter().take(page.limit.get()).collect())?;
        }
    }
    Ok(())
}

async fn waiting_jobs_are_counted_by_owner_and_kind(given: &Given) -> Checked {
    let (owner, other) = (sample::user_id(), sample::user_id());
    let kind = JobKind::parse("counted")?;
    let of = |owner_id, state: JobState, kind: &JobKind| -> Checked<Job> {
        let finished_at = state.is_final().then(|| sample::at(1));
        let lease = (state == JobState::Running).then(|| Lease::new(token()));
        Ok(Job { owner_id, state, finished_at, lease, kind: kind.clone(), ..job(new()?) })
    };
    let mut jobs = vec![of(Some(other), JobState::Available, &kind)?, of(None, JobState::Available, &kind)?];
    jobs.push(of(Some(owner), JobState::Available, &JobKind::parse("another")?)?);
    for state in JobState::ALL {
        jobs.push(of(Some(owner), *state, &kind)?);
    }
    put(&*given.store, &jobs).await?;
    for (bound, expected) in [(10, 3), (3, 3), (2, 2), (0, 0)] {
        equal(look!(given.store, tx => tx.jobs().count_waiting(owner, &kind, bound).await?)?, expected)?;
    }
    Ok(())
}

async fn old_jobs_are_swept_and_nothing_else(given: &Given) -> Checked {
    let ended = |state, finished_at| -> Checked<Job> {
        Ok(Job { state, finished_at: Some(sample::at(finished_at)), ..job(new()?) })
    };
    let mut jobs = vec![];
    for finished_at in [3, 1, 2, 4] {
        jobs.push(ended(JobState::Completed, finished_at)?);
    }
    jobs.push(ended(JobState::Discarded, 1)?);
    jobs.push(job(new()?));
    put(&*given.store, &jobs).await?;
    let sweep =
        async |state, until, limit| commit!(given.store, tx => tx.jobs().sweep(state, sample::at(until), limit).await?);
    let left = async || -> Checked<Vec<usize>> {
        let mut left = vec![];
        for (place, job) in jobs.iter().enumerate() {
            if given.store.find_job(job.id).await?.is_some() {
                left.push(place);
            }
        }
        Ok(left)
    };
    equal(sweep(JobState::Completed, 0, 10).await?, 0)?;
    equal((sweep(JobState::Completed, 3, 2).await?, left().await?), (2, vec![0, 3, 4, 5]))?;
    equal((sweep(JobState::Completed, 3, 10).await?, left().await?), (1, vec![3, 4, 5]))?;
    equal((sweep(JobState::Available, 99, 10).await?, left().await?), (0, vec![3, 4, 5]))?;
    equal((sweep(JobState::Discarded, 99, 10).await?, left().await?), (1, vec![3, 5]))
}
