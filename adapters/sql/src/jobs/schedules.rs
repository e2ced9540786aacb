//! Schedules.

use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    page::{Listed, Pages},
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    jobs::{ScheduleFilter, ScheduleQueries, ScheduleRepository, ScheduleSort, ScheduleSortKey, constraints},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    jobs::{
        CronLine, Interval, JobArgs, JobId, JobKind, MisfirePolicy, OverlapPolicy, Priority, QueueName, Schedule,
        ScheduleId, ScheduleName, ScheduledJob, TimeZone, Timing,
    },
    shared::{Timestamp, Version},
};
use std::sync::LazyLock;

static SCHEDULES: LazyLock<Table<Schedule>> = LazyLock::new(|| {
    Table::<Schedule>::new("schedules", "jobs.schedule", constraints::SCHEDULE_ID)
        .key("id", Kind::Uuid, |schedule| schedule.id.uuid().into())
        .fixed("name", Kind::Text, |schedule| schedule.name.as_str().into())
        .fixed("kind", Kind::Text, |schedule| schedule.job.kind.as_str().into())
        .fixed("max_attempts", Kind::Int, |schedule| schedule.job.max_attempts.into())
        .column("cron", Kind::Text, |schedule| cron(&schedule.timing).map(|(line, _)| line.as_str()).into())
        .nullable()
        .column("time_zone", Kind::Text, |schedule| cron(&schedule.timing).map(|(_, zone)| zone.as_str()).into())
        .nullable()
        .column("every_seconds", Kind::Int, |schedule| every(&schedule.timing).map(|(seconds, _)| seconds).into())
        .nullable()
        .column("every_from", Kind::Time, |schedule| every(&schedule.timing).map(|(_, from)| from).into())
        .nullable()
        .column("once_at", Kind::Time, |schedule| once(&schedule.timing).into())
        .nullable()
        .column("queue", Kind::Text, |schedule| schedule.job.queue.as_str().into())
        .column("args", Kind::Text, |schedule| schedule.job.args.as_str().into())
        .column("priority", Kind::Int, |schedule| i64::from(schedule.job.priority.get()).into())
        .column("misfire", Kind::Text, |schedule| schedule.misfire.name().into())
        .column("overlap", Kind::Text, |schedule| schedule.overlap.name().into())
        .column("paused_at", Kind::Time, |schedule| schedule.paused_at.into())
        .nullable()
        .column("next_fire_at", Kind::Time, |schedule| schedule.next_fire_at.into())
        .nullable()
        .column("last_fire_at", Kind::Time, |schedule| schedule.last_fire_at.into())
        .nullable()
        .column("last_job_id", Kind::Uuid, |schedule| schedule.last_job_id.map(JobId::uuid).into())
        .nullable()
        .fixed("created_at", Kind::Time, |schedule| schedule.created_at.into())
        .column("updated_at", Kind::Time, |schedule| schedule.updated_at.into())
        .version(|schedule| schedule.version)
        .unique(constraints::SCHEDULE_NAME, &["name"])
        .offers(&[Verb::Find, Verb::Insert, Verb::Save, Verb::Delete])
});

/// A schedule that another instance fires is left out.
static FIND_DUE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM schedules WHERE id = $1 AND next_fire_at IS NOT NULL AND next_fire_at <= $2 \
        {for update skip locked}";
    SCHEDULES.query("find_due", text, &[Kind::Uuid, Kind::Time], &[])
});
static COUNT: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT count(*) FROM (SELECT 1 FROM schedules ORDER BY id LIMIT $1) AS counted";
    SCHEDULES.command("count_up_to", text, &[Kind::Int], &[Kind::Int])
});
/// The condition for NULL, here and below, is that of the partial index.
static LIST_DUE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT id FROM schedules WHERE next_fire_at IS NOT NULL AND next_fire_at <= $1 \
        ORDER BY next_fire_at, id LIMIT $2";
    SCHEDULES.command("list_due", text, &[Kind::Time, Kind::Int], &[Kind::Uuid])
});
static NEXT_FIRE_AT: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT next_fire_at FROM schedules WHERE next_fire_at IS NOT NULL ORDER BY next_fire_at LIMIT 1";
    SCHEDULES.command("next_fire_at", text, &[], &[Kind::Time])
});

fn list(condition: &str, params: &[Kind], of: &str) -> Pages {
    // Each column has the name of its sort key.
    let sorts: Vec<_> =
        ScheduleSortKey::NAMES.iter().map(|column| (format!("list_by_{column}{of}"), *column)).collect();
    Pages::new(&SCHEDULES, &Listed { condition, params, sorts: &sorts, count: &format!("count{of}") })
}

static LIST: LazyLock<Pages> = LazyLock::new(|| list("", &[], ""));
/// The filter is compared with every schedule in the index until the page is full.
static LIST_OF_KIND: LazyLock<Pages> = LazyLock::new(|| list("kind = $1", &[Kind::Text], "_of_kind").long());

pub(super) fn declared() -> Declared {
    Declared::table(&SCHEDULES)
        .statements([&*FIND_DUE, &*COUNT, &*LIST_DUE, &*NEXT_FIRE_AT])
        .statements(LIST.statements())
        .statements(LIST_OF_KIND.statements())
}

fn cron(timing: &Timing) -> Option<(&CronLine, &TimeZone)> {
    if let Timing::Cron { line, zone } = timing { Some((line, zone)) } else { None }
}

fn every(timing: &Timing) -> Option<(i64, Timestamp)> {
    if let Timing::Every { interval, from } = timing { Some((interval.seconds().into(), *from)) } else { None }
}

fn once(timing: &Timing) -> Option<Timestamp> {
    if let Timing::Once(at) = timing { Some(*at) } else { None }
}

/// Reads the columns from `cron` to `once_at`.
fn read_timing(row_id: &RowId<ScheduleId>, row: &mut Row) -> Result<Timing, StoreError> {
    let (line, zone) = (row.optional_text()?, row.optional_text()?);
    let (seconds, from) = (row.optional_int()?, row.optional_time()?);
    let timing = match (line.zip(zone), seconds.zip(from), row.optional_time()?) {
        (Some((line, zone)), None, None) => {
            Some(Timing::Cron { line: CronLine::stored(line), zone: TimeZone::stored(zone) })
        }
        (None, Some((seconds, from)), None) => {
            Interval::of_seconds(seconds).ok().map(|interval| Timing::Every { interval, from })
        }
        (None, None, Some(at)) => Some(Timing::Once(at)),
        _ => None,
    };
    row_id.read("once_at", timing)
}

impl Stored for Schedule {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = ScheduleId::new(row.uuid()?);
        let row_id = RowId("schedules", id);
        let name = ScheduleName::stored(row.text()?);
        let (kind, max_attempts) = (JobKind::stored(row.text()?), row_id.count("max_attempts", row.int()?)?);
        Ok(Self {
            id,
            name,
            timing: read_timing(&row_id, row)?,
            job: ScheduledJob {
                kind,
                queue: QueueName::stored(row.text()?),
                args: JobArgs::stored(row.text()?),
                priority: row_id.read("priority", Priority::new(row.int()?))?,
                max_attempts,
            },
            misfire: row_id.read("misfire", MisfirePolicy::from_name(&row.text()?))?,
            overlap: row_id.read("overlap", OverlapPolicy::from_name(&row.text()?))?,
            paused_at: row.optional_time()?,
            next_fire_at: row.optional_time()?,
            last_fire_at: row.optional_time()?,
            last_job_id: row.optional_uuid()?.map(JobId::new),
            created_at: row.time()?,
            updated_at: row.time()?,
            version: row_id.version(row.int()?)?,
        })
    }
}

#[async_trait]
impl ScheduleRepository for SqlUnit {
    async fn find(&mut self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        SCHEDULES.find(self, id.uuid()).await
    }

    async fn find_due(&mut self, id: ScheduleId, now: Timestamp) -> Result<Option<Schedule>, StoreError> {
        self.row(&FIND_DUE, args![id.uuid(), now], Schedule::read).await
    }

    async fn insert(&mut self, schedule: &Schedule) -> Result<(), StoreError> {
        self.announcement.schedules = true;
        SCHEDULES.insert(self, schedule).await
    }

    async fn save(&mut self, schedule: &Schedule) -> Result<Version, StoreError> {
        self.announcement.schedules = true;
        SCHEDULES.save(self, schedule).await
    }

    async fn delete(&mut self, schedule: &Schedule) -> Result<(), StoreError> {
        SCHEDULES.delete(self, schedule).await
    }

    async fn count(&mut self, bound: u32) -> Result<u64, StoreError> {
        Ok(self.row(&COUNT, args![bound], Row::count).await?.unwrap_or_default())
    }
}

#[async_trait]
impl ScheduleQueries for SqlStore {
    async fn find_schedule(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        SCHEDULES.look_up(self, id.uuid()).await
    }

    async fn list_schedules(
        &self,
        filter: &ScheduleFilter,
        sort: ScheduleSort,
        page: &PageRequest,
    ) -> Result<Page<Schedule>, StoreError> {
        let by = (sort.key.name(), sort.direction);
        let (list, args): (&'static Pages, _) = match &filter.kind {
            None => (&LIST, vec![]),
            Some(kind) => (&LIST_OF_KIND, args![kind.as_str()]),
        };
        list.page(self, by, args, page, |schedule| sort.key.position(schedule)).await
    }

    async fn list_due_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<ScheduleId>, StoreError> {
        self.rows(&LIST_DUE, args![now, limit], |row| row.uuid().map(ScheduleId::new)).await
    }

    async fn next_fire_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.row(&NEXT_FIRE_AT, vec![], |row| row.time()).await
    }
}
