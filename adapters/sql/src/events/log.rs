//! The log: the events with a position, and those that have none yet.
//!
//! Triggers on the outbox keep both: an event that is stored has no position yet, and with an event that is deleted its
//! position goes too. They also note the greatest position that was deleted.

use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    kernel::EVENTS,
    shape::Verb,
    statement::A_SWEEP,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    events::{
        EARLIEST, EventLog, EventQueries, LogEnds, PlacedEvent,
        constraints::{EVENT_POSITION, POSITION_OF_EVENT},
    },
    kernel::{Constraint, OutboxEvent, StoreError},
};
use skep_domain::{
    events::{EventPosition, UnplacedEvent},
    shared::{EventId, Timestamp},
};
use std::sync::LazyLock;

static POSITIONS: LazyLock<Table<()>> = LazyLock::new(|| {
    Table::<()>::new("event_positions", "events.position", EVENT_POSITION)
        .given_key("position", Kind::Int)
        .given("event_id", Kind::Uuid)
        .unique(POSITION_OF_EVENT, &["event_id"])
        .offers(&[Verb::InsertMany])
});
static UNPLACED: LazyLock<Table<UnplacedEvent>> = LazyLock::new(|| {
    Table::<UnplacedEvent>::new("unplaced_events", "events.unplaced_event", Constraint::new("unplaced_events_pkey"))
        .key("event_id", Kind::Uuid, |event| event.id.into())
        .fixed("aggregate_id", Kind::Uuid, |event| event.aggregate_id.into())
        .fixed("aggregate_version", Kind::Int, |event| event.aggregate_version.into())
        .offers(&[])
});
static LOG: LazyLock<Table<()>> = LazyLock::new(|| {
    Table::<()>::new("event_log", "events.log", Constraint::new("event_log_pkey"))
        .given_key("id", Kind::Int)
        .given("last", Kind::Int)
        .given("swept", Kind::Int)
        .offers(&[])
});

/// Locks the row, and makes it if a program has emptied all tables. PostgreSQL also locks a row that the condition keeps
/// from being updated; the condition never holds.
static LOCK: Statement = Statement::both(
    "events.log.lock",
    "INSERT INTO event_log (id, last, swept) VALUES (1, 0, 0) \
     ON CONFLICT (id) DO UPDATE SET last = event_log.last WHERE event_log.last < 0",
    &[],
    &[],
);
/// A statement after that of the lock: on PostgreSQL, a statement does not see what was committed while it waited.
static ENDS: Statement = Statement::both(
    "events.log.find",
    "SELECT coalesce(max(swept), 0), coalesce(max(last), 0) FROM event_log",
    &[],
    &[Kind::Int, Kind::Int],
);
static MOVE: Statement =
    Statement::both("events.log.save", "UPDATE event_log SET last = $1 WHERE id = 1", &[Kind::Int], &[]);
static LIST_UNPLACED: LazyLock<Statement> = LazyLock::new(|| {
    let text = "WITH chosen AS (SELECT {*} FROM unplaced_events ORDER BY event_id LIMIT $1) \
        SELECT {*} FROM chosen UNION SELECT {earlier.*} FROM \
        (SELECT aggregate_id, max(aggregate_version) AS aggregate_version FROM chosen GROUP BY aggregate_id) AS latest \
        JOIN unplaced_events AS earlier ON earlier.aggregate_id = latest.aggregate_id \
        AND earlier.aggregate_version < latest.aggregate_version";
    UNPLACED.query("list", text, &[Kind::Int], &[])
});
static COUNT_UNPLACED: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT count(*) FROM (SELECT 1 FROM unplaced_events ORDER BY event_id LIMIT $1) AS counted";
    UNPLACED.command("count", text, &[Kind::Int], &[Kind::Int]).long()
});
static DELETE_PLACED: Statement = Statement::batch(
    "events.unplaced_event.delete",
    (
        "DELETE FROM unplaced_events WHERE event_id = $1",
        "DELETE FROM unplaced_events AS unplaced USING unnest($1::uuid[]) AS placed (event_id) \
         WHERE unplaced.event_id = placed.event_id",
    ),
    &[Kind::Uuid],
);
static LAST_BEFORE: Statement = Statement::both(
    "events.position.find_last_before",
    "SELECT coalesce((SELECT min(position) - 1 FROM (SELECT position FROM event_positions WHERE event_id >= $1 \
     ORDER BY event_id LIMIT $2) AS earliest), (SELECT max(last) FROM event_log), 0)",
    &[Kind::Uuid, Kind::Int],
    &[Kind::Int],
);
/// Reads the log from its beginning up to the first event that is too young by its id, so that the events that stay are
/// not read. A younger one may come before an older one; then the older one stays until the next sweep.
///
/// PostgreSQL knows how many events are old, but not that they are the first ones. Where few are, it would read the whole
/// outbox to find them, so the sum hides the number from it.
static SWEEP: Statement = Statement::per(
    "events.position.sweep",
    A_SWEEP,
    (
        "DELETE FROM outbox WHERE id IN (SELECT placed.event_id FROM event_positions AS placed \
         JOIN outbox AS event ON event.id = placed.event_id WHERE placed.position <= min($1, coalesce(\
         (SELECT position - 1 FROM event_positions WHERE event_id >= $2 ORDER BY event_id LIMIT 1), $1)) \
         AND event.occurred_at <= $3 \
         AND NOT EXISTS (SELECT 1 FROM held_events AS held WHERE held.event_id = placed.event_id) \
         ORDER BY placed.position LIMIT $4)",
        "DELETE FROM outbox WHERE id = ANY (ARRAY(SELECT placed.event_id FROM event_positions AS placed \
         JOIN outbox AS event ON event.id = placed.event_id WHERE placed.position <= least($1, coalesce(\
         (SELECT position - 1 FROM event_positions WHERE event_id >= $2 ORDER BY event_id LIMIT 1), $1)) \
         AND event.occurred_at + interval '0' <= $3 \
         AND NOT EXISTS (SELECT 1 FROM held_events AS held WHERE held.event_id = placed.event_id) \
         ORDER BY placed.position LIMIT $4 FOR UPDATE OF event SKIP LOCKED))",
    ),
    &[Kind::Int, Kind::Uuid, Kind::Time, Kind::Int],
    &[],
);
static LIST_PLACED: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {event.*}, placed.position FROM event_positions AS placed \
        JOIN outbox AS event ON event.id = placed.event_id WHERE placed.position > $1 \
        ORDER BY placed.position LIMIT $2";
    EVENTS.query("list_placed", text, &[Kind::Int, Kind::Int], &[Kind::Int])
});
static FIND_PLACED: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {event.*}, placed.position FROM event_positions AS placed \
        JOIN outbox AS event ON event.id = placed.event_id WHERE placed.event_id = $1";
    EVENTS.query("find_placed", text, &[Kind::Uuid], &[Kind::Int])
});

pub(super) fn declared() -> Declared {
    let log = Declared::table(&LOG).statements([&LOCK, &ENDS, &MOVE]);
    let unplaced = Declared::table(&UNPLACED).statements([&*LIST_UNPLACED, &*COUNT_UNPLACED, &DELETE_PLACED]);
    let placed = Declared::table(&POSITIONS).statements([&LAST_BEFORE, &SWEEP, &*LIST_PLACED, &*FIND_PLACED]);
    log.and(unplaced).and(placed)
}

impl Stored for UnplacedEvent {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = EventId::new(row.uuid()?);
        let aggregate_id = row.uuid()?;
        Ok(Self { id, aggregate_id, aggregate_version: RowId("unplaced_events", id).version(row.int()?)? })
    }
}

fn read_placed(row: &mut Row) -> Result<PlacedEvent, StoreError> {
    let event = OutboxEvent::read(row)?;
    Ok(PlacedEvent { position: RowId("event_positions", event.id).position("position", row.int()?)?, event })
}

fn read_ends(row: &mut Row) -> Result<LogEnds, StoreError> {
    let row_id = RowId("event_log", 1);
    Ok(LogEnds { swept: row_id.position("swept", row.int()?)?, last: row_id.position("last", row.int()?)? })
}

fn read_last(row: &mut Row) -> Result<EventPosition, StoreError> {
    let last = row.int()?;
    RowId("event_positions", last).position("position", last)
}

fn one<T>(statement: &Statement, row: Option<T>) -> Result<T, StoreError> {
    row.ok_or_else(|| StoreError::Corrupt(format!("{}: no row", statement.name).into()))
}

#[async_trait]
impl EventLog for SqlUnit {
    async fn lock(&mut self) -> Result<LogEnds, StoreError> {
        self.change(&LOCK, vec![]).await?;
        let ends = self.row(&ENDS, vec![], read_ends).await?;
        self.remember(one(&ENDS, ends))
    }

    async fn list_unplaced(&mut self, limit: u32) -> Result<Vec<UnplacedEvent>, StoreError> {
        self.rows(&LIST_UNPLACED, args![limit], UnplacedEvent::read).await
    }

    async fn place(&mut self, events: &[(EventId, EventPosition)]) -> Result<(), StoreError> {
        let Some(last) = events.iter().map(|(_, position)| position.get()).max() else { return Ok(()) };
        let rows = events.iter().map(|(id, position)| args![position.get(), *id]).collect();
        POSITIONS.insert_rows(self, rows).await?;
        let placed = events.iter().map(|(id, _)| args![*id]).collect();
        let placed = self.change_many(&DELETE_PLACED, placed).await?;
        // A program of an earlier version may delete an event meanwhile.
        self.all_or_stale(placed, events.len())?;
        self.change(&MOVE, args![last]).await?;
        Ok(())
    }

    async fn last_before(&mut self, time: Timestamp) -> Result<EventPosition, StoreError> {
        let last = self.row(&LAST_BEFORE, args![EventId::first_at(time), EARLIEST], read_last).await?;
        self.remember(one(&LAST_BEFORE, last))
    }

    async fn sweep(&mut self, until: Timestamp, passed: EventPosition, limit: u32) -> Result<u64, StoreError> {
        let too_young = EventId::first_at(until.plus_millis(1));
        self.change(&SWEEP, args![passed.get(), too_young, until, limit]).await
    }
}

#[async_trait]
impl EventQueries for SqlStore {
    async fn list_placed(&self, after: EventPosition, limit: u32) -> Result<Vec<PlacedEvent>, StoreError> {
        self.rows(&LIST_PLACED, args![after.get(), limit], read_placed).await
    }

    async fn find_placed(&self, id: EventId) -> Result<Option<PlacedEvent>, StoreError> {
        self.row(&FIND_PLACED, args![id], read_placed).await
    }

    async fn log_ends(&self) -> Result<LogEnds, StoreError> {
        one(&ENDS, self.row(&ENDS, vec![], read_ends).await?)
    }

    async fn count_unplaced(&self, bound: u32) -> Result<u64, StoreError> {
        self.count(&COUNT_UNPLACED, args![bound]).await
    }
}
