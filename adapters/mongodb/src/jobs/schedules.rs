//! Schedules.

use crate::{
    ops::{List, Query, SortField},
    record::{self, Record, Stored, Unreadable, Versioned, counter, date, optional_time, time, version},
    schema::{Index, index, partial, unique},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    jobs::{ScheduleFilter, ScheduleQueries, ScheduleRepository, ScheduleSort, ScheduleSortKey},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    jobs::{
        CronLine, Interval, JobArgs, JobId, JobKind, MisfirePolicy, OverlapPolicy, Priority, QueueName, Schedule,
        ScheduleId, ScheduleName, ScheduledJob, TimeZone, Timing,
    },
    shared::{Timestamp, Version},
};
use std::slice::from_ref;

/// The schedules that fire at some time. A query repeats the condition and names the index, as those of jobs do.
const NEXT_FIRE_AT: Index = partial("schedules_next_fire_at_idx", &["next_fire_at", "_id"], fires);
const NAME: Index = unique("schedules_name_key", &["name"]);

pub(super) const INDEXES: &[Index] = &[
    NEXT_FIRE_AT,
    NAME,
    index("schedules_created_at_idx", &["created_at", "_id"]),
    index("schedules_name_idx", &["name", "_id"]),
];

/// A partial index cannot test whether a field is null, but every time is greater than the earliest one.
fn fires() -> Document {
    doc! { "next_fire_at": { "$gt": DateTime::MIN } }
}

#[derive(Serialize, Deserialize)]
struct ScheduleDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    name: String,
    kind: String,
    max_attempts: i64,
    timing: TimingDoc,
    queue: String,
    args: String,
    priority: i64,
    misfire: String,
    overlap: String,
    paused_at: Option<DateTime>,
    next_fire_at: Option<DateTime>,
    last_fire_at: Option<DateTime>,
    last_job_id: Option<bson::Uuid>,
    created_at: DateTime,
    updated_at: DateTime,
    version: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TimingDoc {
    Cron { line: String, zone: String },
    Every { seconds: i64, from: DateTime },
    Once(DateTime),
}

impl From<&Timing> for TimingDoc {
    fn from(timing: &Timing) -> Self {
        match timing {
            Timing::Cron { line, zone } => {
                Self::Cron { line: line.as_str().to_owned(), zone: zone.as_str().to_owned() }
            }
            Timing::Every { interval, from } => Self::Every { seconds: interval.seconds().into(), from: date(*from) },
            Timing::Once(at) => Self::Once(date(*at)),
        }
    }
}

impl TimingDoc {
    fn read(self) -> Result<Timing, Unreadable> {
        Ok(match self {
            Self::Cron { line, zone } => Timing::Cron { line: CronLine::stored(line), zone: TimeZone::stored(zone) },
            Self::Every { seconds, from } => {
                let interval = Interval::of_seconds(seconds).map_err(|_| "interval out of range")?;
                Timing::Every { interval, from: time(from)? }
            }
            Self::Once(at) => Timing::Once(time(at)?),
        })
    }
}

impl Record for ScheduleDoc {
    const COLLECTION: &'static str = "schedules";
    type Entity = Schedule;
    fn read(self) -> Result<Schedule, Unreadable> {
        Ok(Schedule {
            id: ScheduleId::new(self.id.to_uuid_1()),
            name: ScheduleName::stored(self.name),
            timing: self.timing.read()?,
            job: ScheduledJob {
                kind: JobKind::stored(self.kind),
                queue: QueueName::stored(self.queue),
                args: JobArgs::stored(self.args),
                priority: Priority::new(self.priority).ok_or("unknown priority")?,
                max_attempts: counter(self.max_attempts)?,
            },
            misfire: MisfirePolicy::from_name(&self.misfire).ok_or("unknown policy")?,
            overlap: OverlapPolicy::from_name(&self.overlap).ok_or("unknown policy")?,
            paused_at: optional_time(self.paused_at)?,
            next_fire_at: optional_time(self.next_fire_at)?,
            last_fire_at: optional_time(self.last_fire_at)?,
            last_job_id: self.last_job_id.map(|job| JobId::new(job.to_uuid_1())),
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for ScheduleDoc {
    fn of(schedule: &Schedule) -> Self {
        let ScheduledJob { kind, queue, args, priority, max_attempts } = &schedule.job;
        Self {
            id: record::id(schedule.id.uuid()),
            name: schedule.name.as_str().to_owned(),
            kind: kind.as_str().to_owned(),
            max_attempts: (*max_attempts).into(),
            timing: TimingDoc::from(&schedule.timing),
            queue: queue.as_str().to_owned(),
            args: args.as_str().to_owned(),
            priority: priority.get().into(),
            misfire: schedule.misfire.name().to_owned(),
            overlap: schedule.overlap.name().to_owned(),
            paused_at: schedule.paused_at.map(date),
            next_fire_at: schedule.next_fire_at.map(date),
            last_fire_at: schedule.last_fire_at.map(date),
            last_job_id: schedule.last_job_id.map(|job| record::id(job.uuid())),
            created_at: date(schedule.created_at),
            updated_at: date(schedule.updated_at),
            version: schedule.version.get(),
        }
    }
}

impl Versioned for ScheduleDoc {}

/// Only the id of a schedule.
#[derive(Deserialize)]
struct IdDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
}

impl Record for IdDoc {
    const COLLECTION: &'static str = ScheduleDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&["_id"]);
    type Entity = ScheduleId;
    fn read(self) -> Result<ScheduleId, Unreadable> {
        Ok(ScheduleId::new(self.id.to_uuid_1()))
    }
}

/// Only the next fire time of a schedule.
#[derive(Deserialize)]
struct NextDoc {
    next_fire_at: DateTime,
}

impl Record for NextDoc {
    const COLLECTION: &'static str = ScheduleDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&["next_fire_at"]);
    type Entity = Timestamp;
    fn read(self) -> Result<Timestamp, Unreadable> {
        time(self.next_fire_at)
    }
}

/// The schedules that are due, in the order of their times.
fn due(now: Timestamp) -> Query {
    let due = doc! { "next_fire_at": { "$gt": DateTime::MIN, "$lte": date(now) } };
    Query::of(due).along(NEXT_FIRE_AT.name).by(doc! { "next_fire_at": 1, "_id": 1 })
}

/// Reads lock nothing. Of two units that save the same schedule, one ends with `Retry` or `Stale`.
#[async_trait]
impl ScheduleRepository for MongoUnit {
    async fn find(&mut self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        self.by_id::<ScheduleDoc>(id.uuid()).await
    }

    async fn find_due(&mut self, id: ScheduleId, now: Timestamp) -> Result<Option<Schedule>, StoreError> {
        let found = self.by_id::<ScheduleDoc>(id.uuid()).await?;
        Ok(found.filter(|schedule| schedule.next_fire_at.is_some_and(|next| next <= now)))
    }

    async fn insert(&mut self, schedule: &Schedule) -> Result<(), StoreError> {
        if let Some(announcement) = self.announcement() {
            announcement.schedules = true;
        }
        self.add::<ScheduleDoc>(from_ref(schedule)).await
    }

    async fn save(&mut self, schedule: &Schedule) -> Result<Version, StoreError> {
        if let Some(announcement) = self.announcement() {
            announcement.schedules = true;
        }
        self.put::<ScheduleDoc>(schedule).await
    }

    async fn delete(&mut self, schedule: &Schedule) -> Result<(), StoreError> {
        self.remove::<ScheduleDoc>(schedule).await
    }

    async fn count(&mut self, bound: u32) -> Result<u64, StoreError> {
        self.run(async |executor| executor.count::<ScheduleDoc>(doc! {}, "_id_", bound.into()).await).await
    }
}

/// The field that schedules are sorted by, and its index.
const fn field(key: ScheduleSortKey) -> SortField {
    match key {
        ScheduleSortKey::CreatedAt => SortField::time("schedules_created_at_idx", "created_at"),
        ScheduleSortKey::Name => SortField::text("schedules_name_idx", "name"),
    }
}

#[async_trait]
impl ScheduleQueries for MongoStore {
    async fn find_schedule(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        self.read().await?.by_id::<ScheduleDoc>(id.uuid()).await
    }

    async fn list_schedules(
        &self,
        filter: &ScheduleFilter,
        sort: ScheduleSort,
        page: &PageRequest,
    ) -> Result<Page<Schedule>, StoreError> {
        let admitted = filter.kind.iter().map(|kind| ("kind".to_owned(), Bson::from(kind.as_str()))).collect();
        let list = List::of(field(sort.key), sort.direction).only(admitted);
        self.read().await?.page::<ScheduleDoc>(&list, page, |schedule| sort.key.position(schedule)).await
    }

    async fn list_due_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<ScheduleId>, StoreError> {
        self.read().await?.find::<IdDoc>(due(now).at_most(limit)).await
    }

    async fn next_fire_at(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.read().await?.find::<NextDoc>(due(Timestamp::MAX).at_most(1)).await?.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_key_has_an_index_of_the_schema() {
        for key in ScheduleSortKey::ALL {
            let SortField { index: name, field, .. } = field(*key);
            assert!(crate::schema::has_index(ScheduleDoc::COLLECTION, name, &[field, "_id"]), "{name}");
        }
    }
}
