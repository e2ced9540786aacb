//! `ScheduleRepository` and `ScheduleQueries`, and the firing of schedules through the use case that Skep runs.

use crate::{
    check::{Checked, equal, some},
    clause::{self, clauses},
    laws::{Deleted, Entity, Listed, Shown, Unique, Versioned, deletes, lists, put, saves, shows, stored},
    sample,
    units::{commit, look},
    world,
};
use async_trait::async_trait;
use skep_application::{
    jobs::{
        FireReport, FireSchedules, JobFilter, JobSort, JobSortKey, JobsStore, JobsTx, ScheduleFilter, ScheduleSort,
        ScheduleSortKey,
        constraints::{SCHEDULE_ID, SCHEDULE_NAME},
    },
    kernel::{Page, PageRequest, Position, Scope, StoreError},
};
use skep_domain::{
    jobs::{
        CronLine, Interval, Job, JobArgs, JobId, JobKind, JobState, MisfirePolicy, NewSchedule, OverlapPolicy,
        Priority, QueueName, Schedule, ScheduleId, ScheduleName, ScheduledJob, TimeZone, Timing,
    },
    shared::{Direction, Timestamp, Version},
};
use std::sync::Arc;

clauses! { clauses of "schedules" on dyn JobsStore, with [
        saves::clauses::<Schedule>("schedules"),
        deletes::clauses::<Schedule>("schedules"),
        shows::clauses::<Schedule>("schedule_queries"),
        lists::clauses::<Schedule>("schedule_queries"),
        lists::leaving::<Schedule>("schedule_queries"),
    ]:
    a_schedule_is_found_when_its_time_has_come ["ScheduleRepository 1"],
    racing_instances_fire_each_time_once ["ScheduleRepository 2"],
    due_schedules_come_in_the_order_of_their_times ["ScheduleQueries 1"],
    the_next_fire_time_is_the_earliest ["ScheduleQueries 2"],
    schedules_are_counted_up_to_a_bound,
    a_list_has_the_schedules_of_a_kind,
    a_job_that_has_not_ended_is_left_alone_or_waited_for_or_cancelled,
    a_commit_wakes_those_who_wait_for_fire_times ["Signaling 3"],
}

type Given = clause::Given<dyn JobsStore>;

/// A schedule with a name that no other trial uses.
fn schedule(timing: Timing) -> Checked<Schedule> {
    let job = ScheduledJob {
        kind: JobKind::parse("shop.greet")?,
        queue: QueueName::default(),
        args: JobArgs::parse(r#"{"name":"Beatrix €"}"#)?,
        priority: Priority::default(),
        max_attempts: 3,
    };
    let name = ScheduleName::parse(&format!("trial-{}", world::uuid()))?;
    let (misfire, overlap) = (MisfirePolicy::default(), OverlapPolicy::default());
    let new = NewSchedule { name, timing, job, misfire, overlap };
    Ok(Schedule::create(ScheduleId::new(world::uuid()), new, sample::at(0)))
}

fn every(seconds: i64) -> Checked<Timing> {
    Ok(Timing::Every { interval: Interval::of_seconds(seconds)?, from: sample::at(0) })
}

fn cron(line: &str) -> Checked<Timing> {
    Ok(Timing::Cron { line: CronLine::parse(line)?, zone: TimeZone::parse("America/Argentina/ComodRivadavia")? })
}

/// A schedule that fires next at this time.
fn due(at: i64) -> Checked<Schedule> {
    Ok(Schedule { next_fire_at: Some(sample::at(at)), ..schedule(Timing::Once(sample::at(at)))? })
}

#[async_trait]
impl Entity for Schedule {
    type Id = ScheduleId;
    type Store = dyn JobsStore;
    type Tx = dyn JobsTx;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: SCHEDULE_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique { rule: SCHEDULE_NAME, collide: |one, other| other.name = one.name.clone(), on_save: false },
    ];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        schedule(every(3_600)?)
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        let full = Self {
            timing: Timing::Every { interval: Interval::of_seconds(Interval::MAX)?, from: Timestamp::MAX },
            job: ScheduledJob {
                kind: JobKind::parse(&"z".repeat(100))?,
                queue: QueueName::parse("0._-")?,
                args: JobArgs::parse(format!("\"{}\"", "\u{10FFFD}".repeat(Job::ARGS_MAX / 4 - 1)))?,
                priority: Priority::LAST,
                max_attempts: u32::MAX,
            },
            misfire: MisfirePolicy::FireAll,
            overlap: OverlapPolicy::CancelPrevious,
            paused_at: Some(Timestamp::MIN),
            next_fire_at: Some(Timestamp::MAX),
            last_fire_at: Some(Timestamp::MAX),
            last_job_id: Some(JobId::new(world::uuid())),
            created_at: Timestamp::MIN,
            updated_at: Timestamp::MAX,
            ..schedule(cron("@daily")?)?
        };
        let early = Self { next_fire_at: Some(Timestamp::MIN), last_fire_at: Some(Timestamp::MIN), ..full.clone() };
        let early = Self { id: ScheduleId::new(world::uuid()), name: schedule(every(1)?)?.name, ..early };
        let done = Self { misfire: MisfirePolicy::Skip, next_fire_at: None, ..schedule(Timing::Once(Timestamp::MIN))? };
        Ok(vec![full, early, done, schedule(cron("0,1,2,3 */5 L JAN-dec MON#2")?)?])
    }

    fn id(&self) -> ScheduleId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: ScheduleId) -> Result<Option<Self>, StoreError> {
        tx.schedules().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.schedules().insert(self).await
    }
}

#[async_trait]
impl Versioned for Schedule {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        let (is_odd, at) = (round % 2 == 1, sample::at(100 * round));
        self.timing = match round % 3 {
            0 => Timing::Once(at),
            1 => cron(&format!("{} * * * *", round % 60))?,
            _ => Timing::Every { interval: Interval::of_seconds(round)?, from: at },
        };
        self.job.queue = QueueName::parse(&format!("queue-{round}"))?;
        self.job.args = JobArgs::parse(round.to_string())?;
        self.job.priority = if is_odd { Priority::FIRST } else { Priority::LAST };
        let number = usize::try_from(round)?;
        self.misfire = MisfirePolicy::ALL[number % MisfirePolicy::ALL.len()];
        self.overlap = OverlapPolicy::ALL[number % OverlapPolicy::ALL.len()];
        self.paused_at = is_odd.then_some(at);
        self.next_fire_at = (!is_odd).then_some(at);
        self.last_fire_at = Some(at);
        self.last_job_id = Some(JobId::new(world::uuid()));
        self.updated_at = at;
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.schedules().save(self).await
    }
}

#[async_trait]
impl Deleted for Schedule {
    async fn delete(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.schedules().delete(self).await
    }
}

#[async_trait]
impl Shown for Schedule {
    type Row = Self;

    fn row(&self) -> Self {
        self.clone()
    }

    async fn show(store: &Self::Store, _: Scope, id: ScheduleId) -> Result<Option<Self>, StoreError> {
        store.find_schedule(id).await
    }
}

#[async_trait]
impl Listed for Schedule {
    type Sort = ScheduleSortKey;
    const SORTS: &'static [ScheduleSortKey] = ScheduleSortKey::ALL;

    async fn common(_: &Self::Store, number: i64) -> Checked<Self> {
        Ok(Self { created_at: sample::at(number % 5 * 10), ..schedule(every(60)?)? })
    }

    async fn edges(_: &Self::Store) -> Checked<Vec<Self>> {
        let mut schedules = vec![];
        for name in ["0", "_", "-", ".", "z", "a-", "a.", "a"] {
            schedules.push(Self { name: ScheduleName::parse(name)?, ..schedule(every(60)?)? });
        }
        for created_at in sample::edges_of_time()? {
            schedules.push(Self { created_at, ..schedule(every(60)?)? });
        }
        Ok(schedules)
    }

    fn place(sort: ScheduleSortKey, row: &Self) -> Position {
        sort.position(row)
    }

    async fn list(
        store: &Self::Store,
        _: Scope,
        key: ScheduleSortKey,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<Self>, StoreError> {
        store.list_schedules(&ScheduleFilter::default(), ScheduleSort { key, direction }, page).await
    }

    async fn leave(&self, tx: &mut Self::Tx) -> Result<bool, StoreError> {
        tx.schedules().delete(self).await?;
        Ok(true)
    }
}

async fn a_schedule_is_found_when_its_time_has_come(given: &Given) -> Checked {
    let (schedule, paused) = (due(20)?, Schedule { next_fire_at: None, ..due(20)? });
    put(&*given.store, &[schedule.clone(), paused.clone()]).await?;
    let find = async |id, now| -> Checked<Option<Schedule>> {
        Ok(commit!(given.store, tx => tx.schedules().find_due(id, sample::at(now)).await?)?)
    };
    equal(find(schedule.id, 19).await?, None)?;
    equal(find(schedule.id, 20).await?, Some(schedule.clone()))?;
    equal(find(schedule.id, 21).await?, Some(schedule))?;
    equal(find(paused.id, 99).await?, None)?;
    equal(find(due(20)?.id, 99).await?, None)
}

async fn fire(store: &Arc<dyn JobsStore>) -> Result<FireReport, StoreError> {
    FireSchedules::new(store.clone(), store.clone(), world::runtime()).execute().await
}

async fn jobs(given: &Given) -> Checked<Vec<JobId>> {
    let sort = JobSort { key: JobSortKey::CreatedAt, direction: Direction::Ascending };
    let page = given.store.list_jobs(&JobFilter::default(), sort, &PageRequest::default()).await?;
    Ok(page.items.into_iter().map(|job| job.id).collect())
}

/// The schedules are due once: their fire times have been missed, and the next ones are far away.
async fn racing_instances_fire_each_time_once(given: &Given) -> Checked {
    let mut schedules = vec![];
    for _ in 0..5 {
        schedules.push(Schedule { next_fire_at: Some(sample::at(10)), ..schedule(every(Interval::MAX)?)? });
    }
    put(&*given.store, &schedules).await?;
    let start = Arc::new(tokio::sync::Barrier::new(6));
    let instance = |_| {
        let (store, start) = (given.store.clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            fire(&store).await
        })
    };
    let mut fired = 0;
    for task in (0..6).map(instance).collect::<Vec<_>>() {
        let report = task.await??;
        equal(report.failed.len(), 0)?;
        fired += report.fired.iter().map(|schedule| schedule.delays.len()).sum::<usize>();
    }
    // An instance may have left out what another one had locked, but that one has fired it.
    equal((fired, jobs(given).await?.len()), (5, 5))?;
    for schedule in schedules {
        let stored: Schedule = some(stored(&*given.store, schedule.id).await?, "the schedule")?;
        equal((stored.last_fire_at, stored.version), (schedule.next_fire_at, schedule.version.next()))?;
        let job: Option<Job> = crate::laws::stored(&*given.store, some(stored.last_job_id, "its job")?).await?;
        equal(some(job, "the job")?.unique, schedule.job_at(sample::at(10)).unique)?;
    }
    Ok(())
}

async fn due_schedules_come_in_the_order_of_their_times(given: &Given) -> Checked {
    let schedules = [due(30)?, due(10)?, due(20)?, due(31)?, Schedule { next_fire_at: None, ..due(5)? }];
    put(&*given.store, &schedules).await?;
    let due = async |now, limit| given.store.list_due_schedules(sample::at(now), limit).await;
    equal(due(30, 10).await?, vec![schedules[1].id, schedules[2].id, schedules[0].id])?;
    equal(due(30, 2).await?, vec![schedules[1].id, schedules[2].id])?;
    equal(due(9, 10).await?, vec![])
}

async fn the_next_fire_time_is_the_earliest(given: &Given) -> Checked {
    equal(given.store.next_fire_at().await?, None)?;
    put(&*given.store, &[Schedule { next_fire_at: None, ..due(5)? }]).await?;
    equal(given.store.next_fire_at().await?, None)?;
    for (next, expected) in [(50, 50), (60, 50), (40, 40)] {
        put(&*given.store, &[due(next)?]).await?;
        equal(given.store.next_fire_at().await?, Some(sample::at(expected)))?;
    }
    Ok(())
}

async fn schedules_are_counted_up_to_a_bound(given: &Given) -> Checked {
    put(&*given.store, &[due(1)?, due(2)?, Schedule { next_fire_at: None, ..due(3)? }]).await?;
    for (bound, count) in [(2, 2), (3, 3), (10, 3)] {
        equal(look!(given.store, tx => tx.schedules().count(bound).await?)?, count)?;
    }
    Ok(())
}

async fn a_list_has_the_schedules_of_a_kind(given: &Given) -> Checked {
    let (kinds, mut schedules) = (["one", "two"], vec![]);
    for number in 0..9 {
        let mut schedule = Schedule { created_at: sample::at(number), ..schedule(every(60)?)? };
        schedule.job.kind = JobKind::parse(kinds[usize::try_from(number % 2)?])?;
        schedules.push(schedule);
    }
    put(&*given.store, &schedules).await?;
    let page = PageRequest { count_up_to: Some(1_000), ..PageRequest::default() };
    for kind in [None, Some("one"), Some("two"), Some("three")] {
        let filter = ScheduleFilter { kind: kind.map(JobKind::parse).transpose()? };
        for key in ScheduleSortKey::ALL.iter().copied() {
            let mut expected: Vec<_> = schedules.iter().filter(|one| filter.admits(one)).cloned().collect();
            if key == ScheduleSortKey::Name {
                expected.sort_by(|one, other| one.name.cmp(&other.name));
            }
            let sort = ScheduleSort { key, direction: Direction::Ascending };
            let found = given.store.list_schedules(&filter, sort, &page).await?;
            equal(some(found.total, "the total")?.count, expected.len() as u64)?;
            equal(found.items, expected)?;
        }
    }
    Ok(())
}

async fn a_job_that_has_not_ended_is_left_alone_or_waited_for_or_cancelled(given: &Given) -> Checked {
    for (overlap, last_state, made) in [
        (OverlapPolicy::Allow, JobState::Available, 1),
        (OverlapPolicy::Skip, JobState::Available, 0),
        (OverlapPolicy::CancelPrevious, JobState::Cancelled, 1),
    ] {
        let last = super::repository::job(super::repository::new()?);
        put(&*given.store, std::slice::from_ref(&last)).await?;
        let next = Schedule { overlap, last_job_id: Some(last.id), next_fire_at: Some(sample::at(10)), ..due(10)? };
        put(&*given.store, std::slice::from_ref(&next)).await?;
        let report = fire(&given.store).await?;
        let fired = some(report.fired.first(), "the schedule")?;
        equal((fired.delays.len(), fired.skipped), (made, 1 - made as u64))?;
        equal(fired.schedule.next_fire_at, None)?;
        equal(stored::<Job>(&*given.store, last.id).await?.map(|job| job.state), Some(last_state))?;
        equal(stored(&*given.store, next.id).await?, Some(fired.schedule.clone()))?;
    }
    Ok(())
}

async fn a_commit_wakes_those_who_wait_for_fire_times(given: &Given) -> Checked {
    let signal = &given.store.signals().schedules;
    let (mut schedule, seen) = (due(10)?, signal.seen());
    put(&*given.store, std::slice::from_ref(&schedule)).await?;
    signal.later_than(seen).await;
    let seen = signal.seen();
    schedule.next_fire_at = Some(sample::at(5));
    let save = async { Ok::<_, StoreError>(commit!(given.store, tx => tx.schedules().save(&schedule).await?)?) };
    let (saved, ()) = tokio::join!(save, signal.later_than(seen));
    equal(saved?, schedule.version.next())
}
