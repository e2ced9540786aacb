//! The log of events. An event has its position in its own document, where an older program that still runs neither sees
//! nor removes it. A new event has no position, so storing an event takes no further command, and an event that an older
//! program stores is placed like any other.

use super::{
    documents::HeldEventDoc,
    indexes::{POSITION, UNPLACED, UNPLACED_OF_AGGREGATE, placed, unplaced},
};
use crate::{
    kernel::EventDoc,
    ops::{Executor, Query, Update},
    record::{self, Record, Unreadable, date, field, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Bson, Document, doc};
use serde::Deserialize;
use skep_application::{
    events::{EARLIEST, EventLog, EventQueries, LogEnds, PlacedEvent, constraints::POSITION_OF_EVENT},
    kernel::StoreError,
};
use skep_domain::{
    events::{EventPosition, UnplacedEvent},
    shared::{EventId, Timestamp, Version},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The index of the ids, which the server makes.
const IDS: &str = "_id_";

/// The ends of the log. The document is missing until the first event is placed, and the field `swept` until the first
/// one is deleted.
#[derive(Deserialize)]
pub(super) struct LogDoc {
    last: i64,
    #[serde(default)]
    swept: i64,
}

impl Record for LogDoc {
    const COLLECTION: &'static str = "event_log";
    type Entity = LogEnds;
    fn read(self) -> Result<LogEnds, Unreadable> {
        Ok(LogEnds { swept: position(self.swept)?, last: position(self.last)? })
    }
}

/// An event with its position.
#[derive(Deserialize)]
struct PlacedDoc {
    #[serde(flatten)]
    event: EventDoc,
    position: i64,
}

impl Record for PlacedDoc {
    const COLLECTION: &'static str = EventDoc::COLLECTION;
    type Entity = PlacedEvent;
    fn read(self) -> Result<PlacedEvent, Unreadable> {
        Ok(PlacedEvent { position: position(self.position)?, event: self.event.read()? })
    }
}

/// The position of an event.
#[derive(Deserialize)]
struct PositionDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    position: i64,
}

impl Record for PositionDoc {
    const COLLECTION: &'static str = EventDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&["position"]);
    type Entity = (EventId, EventPosition);
    fn read(self) -> Result<(EventId, EventPosition), Unreadable> {
        Ok((EventId::new(self.id.to_uuid_1()), position(self.position)?))
    }
}

/// What decides the position of an event.
#[derive(Deserialize)]
struct UnplacedDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    aggregate_id: bson::Uuid,
    aggregate_version: i64,
}

impl Record for UnplacedDoc {
    const COLLECTION: &'static str = EventDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&["aggregate_id", "aggregate_version"]);
    type Entity = UnplacedEvent;
    fn read(self) -> Result<UnplacedEvent, Unreadable> {
        Ok(UnplacedEvent {
            id: EventId::new(self.id.to_uuid_1()),
            aggregate_id: self.aggregate_id.to_uuid_1(),
            aggregate_version: version(self.aggregate_version)?,
        })
    }
}

/// Reads a stored position.
pub(super) fn position(number: i64) -> Result<EventPosition, Unreadable> {
    EventPosition::new(number).ok_or("position below 0")
}

/// The only document of the log.
pub(super) fn log() -> Document {
    doc! { "_id": "log" }
}

async fn ends(executor: &mut Executor) -> Result<LogEnds, StoreError> {
    let ends = executor.find_one::<LogDoc>(log()).await?;
    Ok(ends.unwrap_or(LogEnds { swept: EventPosition::START, last: EventPosition::START }))
}

/// The position before the first one among the `earliest` events that were made at or after the time; without any, the
/// last position.
async fn last_before(executor: &mut Executor, time: Timestamp, earliest: u32) -> Result<EventPosition, StoreError> {
    let mut younger = placed();
    younger.insert("_id", doc! { "$gte": record::id(EventId::first_at(time).uuid()) });
    let younger = Query::of(younger).along(IDS).by(doc! { "_id": 1 }).at_most(earliest);
    let younger = executor.find::<PositionDoc>(younger).await?;
    match younger.into_iter().map(|(_, position)| position.get()).min() {
        Some(first) => position(first - 1).map_err(StoreError::unreadable),
        None => Ok(ends(executor).await?.last),
    }
}

/// The events of these aggregates that come before the listed ones and have greater ids than all of them.
fn earlier_versions(listed: &[UnplacedEvent], last: EventId) -> Query {
    let mut greatest: BTreeMap<Uuid, Version> = BTreeMap::new();
    for event in listed {
        let version = greatest.entry(event.aggregate_id).or_insert(event.aggregate_version);
        *version = event.aggregate_version.max(*version);
    }
    let earlier = greatest.into_iter().map(|(aggregate, version)| {
        let mut earlier = unplaced();
        earlier.extend(doc! {
            "aggregate_id": record::id(aggregate), "aggregate_version": { "$lt": version.get() },
            "_id": { "$gt": record::id(last.uuid()) },
        });
        earlier
    });
    Query::of(doc! { "$or": earlier.collect::<Vec<_>>() }).along(UNPLACED_OF_AGGREGATE.name)
}

/// Those of these events that no subscription holds back.
async fn not_held(
    executor: &mut Executor,
    events: Vec<(EventId, EventPosition)>,
) -> Result<Vec<(Bson, EventPosition)>, StoreError> {
    let events = events.into_iter().map(|(id, position)| (Bson::from(record::id(id.uuid())), position));
    let events: Vec<_> = events.collect();
    let ids: Vec<_> = events.iter().map(|(id, _)| id).collect();
    let held = Query::of(doc! { "event_id": { "$in": ids } }).only(&["event_id"]);
    let held = executor.find_as(HeldEventDoc::COLLECTION, held, |document| field(document, "event_id")).await?;
    Ok(events.into_iter().filter(|(id, _)| !held.contains(id)).collect())
}

/// The first events up to the position `end` that occurred by `until` and that no subscription holds back.
async fn old_events(
    executor: &mut Executor,
    until: Timestamp,
    end: EventPosition,
    limit: u32,
) -> Result<Vec<(Bson, EventPosition)>, StoreError> {
    let (most, mut after, mut old) = (limit as usize, EventPosition::START, vec![]);
    while old.len() < most {
        let next = doc! {
            "position": { "$gt": after.get(), "$lte": end.get() }, "occurred_at": { "$lte": date(until) },
        };
        let next = Query::of(next).along(POSITION.name).by(doc! { "position": 1 }).at_most(limit);
        let next = executor.find::<PositionDoc>(next).await?;
        let Some((_, last)) = next.last() else { break };
        after = *last;
        old.extend(not_held(executor, next).await?);
    }
    old.truncate(most);
    Ok(old)
}

#[async_trait]
impl EventLog for MongoUnit {
    /// Two units that lock the log collide, and one of them ends with `Retry`.
    async fn lock(&mut self) -> Result<LogEnds, StoreError> {
        self.run(async |executor| {
            let lock = doc! { "$inc": { "held": 1_i64 }, "$setOnInsert": { "last": 0_i64 } };
            executor.update(LogDoc::COLLECTION, vec![Update::of(log(), lock).or_insert()]).await?;
            ends(executor).await
        })
        .await
    }

    async fn list_unplaced(&mut self, limit: u32) -> Result<Vec<UnplacedEvent>, StoreError> {
        self.run(async |executor| {
            let first = Query::of(unplaced()).along(UNPLACED.name).by(doc! { "_id": 1 }).at_most(limit);
            let mut listed = executor.find::<UnplacedDoc>(first).await?;
            // With fewer events than the limit, no other one is without a position.
            if let Some(last) = listed.last().map(|event| event.id)
                && listed.len() == limit as usize
            {
                let earlier = earlier_versions(&listed, last);
                listed.extend(executor.find::<UnplacedDoc>(earlier).await?);
            }
            Ok(listed)
        })
        .await
    }

    async fn place(&mut self, events: &[(EventId, EventPosition)]) -> Result<(), StoreError> {
        let Some(last) = events.iter().map(|(_, position)| position.get()).max() else { return Ok(()) };
        self.run(async |executor| {
            let place = |(id, position): &(EventId, EventPosition)| {
                let mut event = unplaced();
                event.insert("_id", record::id(id.uuid()));
                Update::of(event, doc! { "$set": { "position": position.get() } })
            };
            let matched = executor.update(EventDoc::COLLECTION, events.iter().map(place).collect()).await?;
            if matched != events.len() as u64 {
                return Err(StoreError::Duplicate { constraint: POSITION_OF_EVENT });
            }
            let end = Update::of(log(), doc! { "$max": { "last": last } });
            executor.update(LogDoc::COLLECTION, vec![end]).await.map(drop)
        })
        .await
    }

    async fn last_before(&mut self, time: Timestamp) -> Result<EventPosition, StoreError> {
        self.run(async |executor| last_before(executor, time, EARLIEST).await).await
    }

    async fn sweep(&mut self, until: Timestamp, passed: EventPosition, limit: u32) -> Result<u64, StoreError> {
        self.run(async |executor| {
            // Ends before the first event that is too young by its id, so that the events that stay are not read.
            let end = passed.min(last_before(executor, until.plus_millis(1), 1).await?);
            let old = old_events(executor, until, end, limit).await?;
            let Some((_, last)) = old.last() else { return Ok(0) };
            let swept = Update::of(log(), doc! { "$max": { "swept": last.get() } });
            executor.update(LogDoc::COLLECTION, vec![swept]).await?;
            let ids: Vec<_> = old.into_iter().map(|(id, _)| id).collect();
            executor.delete(EventDoc::COLLECTION, doc! { "_id": { "$in": ids } }).await
        })
        .await
    }
}

#[async_trait]
impl EventQueries for MongoStore {
    async fn list_placed(&self, after: EventPosition, limit: u32) -> Result<Vec<PlacedEvent>, StoreError> {
        let later = Query::of(doc! { "position": { "$gt": after.get() } }).along(POSITION.name);
        self.read().await?.find::<PlacedDoc>(later.by(doc! { "position": 1 }).at_most(limit)).await
    }

    async fn find_placed(&self, id: EventId) -> Result<Option<PlacedEvent>, StoreError> {
        let mut event = placed();
        event.insert("_id", record::id(id.uuid()));
        self.read().await?.find_one::<PlacedDoc>(event).await
    }

    async fn log_ends(&self) -> Result<LogEnds, StoreError> {
        ends(&mut self.read().await?).await
    }

    async fn count_unplaced(&self, bound: u32) -> Result<u64, StoreError> {
        self.read().await?.count::<EventDoc>(unplaced(), UNPLACED.name, bound.into()).await
    }
}
