//! The outbox.

use crate::{
    Kind::{Int, Text, Time, Uuid},
    Row, SqlStore, SqlUnit, Statement,
    stored::{Place, args},
};
use async_trait::async_trait;
use skep_application::kernel::{Outbox, OutboxEvent, OutboxQueries, StoreError};
use skep_domain::shared::{EventId, Timestamp, UserId};

const COLUMNS: &[crate::Kind] = &[Uuid, Text, Uuid, Int, Uuid, Uuid, Text, Text, Time, Text];
macro_rules! columns {
    () => {
        "id, name, aggregate_id, aggregate_version, actor_id, impersonator_id, request_id, traceparent, occurred_at, \
         payload"
    };
}

static APPEND: Statement = Statement::both(
    "kernel.outbox_event.append",
    concat!("INSERT INTO outbox (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"),
    COLUMNS,
    &[],
);
/// Holds the place of the event: waits for a unit that is about to store it, and while this unit lasts nobody else can.
static HOLD: Statement = Statement::both(
    "kernel.outbox_event.hold",
    "INSERT INTO outbox (id, name, aggregate_id, aggregate_version, request_id, occurred_at, payload) \
     VALUES ($1, '', $1, 1, '', $2, '{}') ON CONFLICT (id) DO NOTHING",
    &[Uuid, Time],
    &[],
);
static DELETE: Statement =
    Statement::both("kernel.outbox_event.delete", "DELETE FROM outbox WHERE id = $1", &[Uuid], &[]);
static LIST_FIRST: Statement = Statement::both(
    "kernel.outbox_event.list_first",
    concat!("SELECT ", columns!(), " FROM outbox ORDER BY id LIMIT $1"),
    &[Int],
    COLUMNS,
);
static LIST_NEXT: Statement = Statement::both(
    "kernel.outbox_event.list_next",
    concat!("SELECT ", columns!(), " FROM outbox WHERE id > $1 ORDER BY id LIMIT $2"),
    &[Uuid, Int],
    COLUMNS,
);

pub(crate) static STATEMENTS: &[&Statement] = &[&APPEND, &HOLD, &DELETE, &LIST_FIRST, &LIST_NEXT];

fn read(mut row: Row) -> Result<OutboxEvent, StoreError> {
    let id = EventId::new(row.uuid()?);
    let place = Place("outbox", id);
    Ok(OutboxEvent {
        id,
        name: row.text()?,
        aggregate_id: row.uuid()?,
        aggregate_version: place.version(row.int()?)?,
        actor_id: row.optional_uuid()?.map(UserId::new),
        impersonator_id: row.optional_uuid()?.map(UserId::new),
        request_id: row.text()?,
        traceparent: row.optional_text()?,
        occurred_at: row.time()?,
        payload: row.text()?,
    })
}

#[async_trait]
impl Outbox for SqlUnit {
    async fn append(&mut self, event: &OutboxEvent) -> Result<(), StoreError> {
        let args = args![
            event.id,
            event.name.as_str(),
            event.aggregate_id,
            event.aggregate_version,
            event.actor_id,
            event.impersonator_id,
            event.request_id.as_str(),
            event.traceparent.as_deref(),
            event.occurred_at,
            event.payload.as_str(),
        ];
        self.execute(&APPEND, args).await?;
        Ok(())
    }

    async fn settle(&mut self, event: EventId) -> Result<bool, StoreError> {
        if self.execute(&HOLD, args![event, Timestamp::MIN]).await? == 0 {
            return Ok(true);
        }
        // The deleted row keeps the place until the unit ends, and the unit may store the event itself.
        self.execute(&DELETE, args![event]).await?;
        Ok(false)
    }
}

#[async_trait]
impl OutboxQueries for SqlStore {
    async fn list_events(&self, after: Option<EventId>, limit: u32) -> Result<Vec<OutboxEvent>, StoreError> {
        match after {
            None => self.list(&LIST_FIRST, args![limit], read).await,
            Some(after) => self.list(&LIST_NEXT, args![after, limit], read).await,
        }
    }
}
