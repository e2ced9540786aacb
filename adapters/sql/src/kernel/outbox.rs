//! The outbox of domain events.

use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::kernel::{Outbox, OutboxEvent, OutboxQueries, StoreError, constraints};
use skep_domain::shared::{EventId, Timestamp, UserId};
use std::sync::LazyLock;

pub(crate) static EVENTS: LazyLock<Table<OutboxEvent>> = LazyLock::new(|| {
    Table::<OutboxEvent>::new("outbox", "kernel.outbox_event", constraints::EVENT_ID)
        .key("id", Kind::Uuid, |event| event.id.into())
        .fixed("name", Kind::Text, |event| event.name.as_str().into())
        .fixed("aggregate_id", Kind::Uuid, |event| event.aggregate_id.into())
        .fixed("aggregate_version", Kind::Int, |event| event.aggregate_version.into())
        .fixed("actor_id", Kind::Uuid, |event| event.actor_id.into())
        .nullable()
        .fixed("impersonator_id", Kind::Uuid, |event| event.impersonator_id.into())
        .nullable()
        .fixed("request_id", Kind::Text, |event| event.request_id.as_str().into())
        .fixed("traceparent", Kind::Text, |event| event.traceparent.as_deref().into())
        .nullable()
        .fixed("occurred_at", Kind::Time, |event| event.occurred_at.into())
        .fixed("payload", Kind::Text, |event| event.payload.as_str().into())
        .grows()
        .offers(&[Verb::Insert])
});

/// Reserves the event's id. Waits for a unit that is about to store the event, and keeps others out until this unit
/// ends.
static HOLD: Statement = Statement::both(
    "kernel.outbox_event.hold",
    "INSERT INTO outbox (id, name, aggregate_id, aggregate_version, request_id, occurred_at, payload) \
     VALUES ($1, '', $1, 1, '', $2, '{}') ON CONFLICT (id) DO NOTHING",
    &[Kind::Uuid, Kind::Time],
    &[],
);
static DELETE: Statement =
    Statement::both("kernel.outbox_event.delete", "DELETE FROM outbox WHERE id = $1", &[Kind::Uuid], &[]);
static LIST_FIRST: LazyLock<Statement> =
    LazyLock::new(|| EVENTS.query("list_first", "SELECT {*} FROM outbox ORDER BY id LIMIT $1", &[Kind::Int], &[]));
static LIST_NEXT: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM outbox WHERE id > $1 ORDER BY id LIMIT $2";
    EVENTS.query("list_next", text, &[Kind::Uuid, Kind::Int], &[])
});

pub(super) fn declared() -> Declared {
    Declared::table(&EVENTS).statements([&HOLD, &DELETE, &*LIST_FIRST, &*LIST_NEXT])
}

impl Stored for OutboxEvent {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = EventId::new(row.uuid()?);
        let row_id = RowId("outbox", id);
        Ok(Self {
            id,
            name: row.text()?,
            aggregate_id: row.uuid()?,
            aggregate_version: row_id.version(row.int()?)?,
            actor_id: row.optional_uuid()?.map(UserId::new),
            impersonator_id: row.optional_uuid()?.map(UserId::new),
            request_id: row.text()?,
            traceparent: row.optional_text()?,
            occurred_at: row.time()?,
            payload: row.text()?,
        })
    }
}

#[async_trait]
impl Outbox for SqlUnit {
    async fn append(&mut self, event: &OutboxEvent) -> Result<(), StoreError> {
        self.announcement.events = true;
        EVENTS.insert(self, event).await
    }

    async fn settle(&mut self, event: EventId) -> Result<bool, StoreError> {
        if self.change(&HOLD, args![event, Timestamp::MIN]).await? == 0 {
            return Ok(true);
        }
        // Until the unit ends, the deleted row still keeps others out. The unit itself may store the event.
        self.change(&DELETE, args![event]).await?;
        Ok(false)
    }
}

#[async_trait]
impl OutboxQueries for SqlStore {
    async fn list_events(&self, after: Option<EventId>, limit: u32) -> Result<Vec<OutboxEvent>, StoreError> {
        match after {
            None => self.rows(&LIST_FIRST, args![limit], OutboxEvent::read).await,
            Some(after) => self.rows(&LIST_NEXT, args![after, limit], OutboxEvent::read).await,
        }
    }
}
