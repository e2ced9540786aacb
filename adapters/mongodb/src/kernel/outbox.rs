//! The outbox of domain events.

use crate::{
    ops::Query,
    record::{self, Record, Stored, Unreadable, date, time, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{DateTime, RawDocumentBuf, doc};
use serde::{Deserialize, Serialize};
use skep_application::kernel::{Outbox, OutboxEvent, OutboxQueries, StoreError};
use skep_domain::shared::{EventId, UserId};
use std::slice::from_ref;

/// An event. An event with a position also has the field `position`, which `events` sets and reads.
#[derive(Serialize, Deserialize)]
pub(crate) struct EventDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    name: String,
    aggregate_id: bson::Uuid,
    aggregate_version: i64,
    actor_id: Option<bson::Uuid>,
    impersonator_id: Option<bson::Uuid>,
    request_id: String,
    traceparent: Option<String>,
    occurred_at: DateTime,
    payload: String,
}

impl Stored for EventDoc {
    fn of(event: &OutboxEvent) -> Self {
        Self {
            id: record::id(event.id.uuid()),
            name: event.name.clone(),
            aggregate_id: record::id(event.aggregate_id),
            aggregate_version: event.aggregate_version.get(),
            actor_id: event.actor_id.map(|user| record::id(user.uuid())),
            impersonator_id: event.impersonator_id.map(|user| record::id(user.uuid())),
            request_id: event.request_id.clone(),
            traceparent: event.traceparent.clone(),
            occurred_at: date(event.occurred_at),
            payload: event.payload.clone(),
        }
    }
}

impl Record for EventDoc {
    const COLLECTION: &'static str = "outbox";
    type Entity = OutboxEvent;
    fn read(self) -> Result<OutboxEvent, Unreadable> {
        let user = |id: bson::Uuid| UserId::new(id.to_uuid_1());
        Ok(OutboxEvent {
            id: EventId::new(self.id.to_uuid_1()),
            name: self.name,
            aggregate_id: self.aggregate_id.to_uuid_1(),
            aggregate_version: version(self.aggregate_version)?,
            actor_id: self.actor_id.map(user),
            impersonator_id: self.impersonator_id.map(user),
            request_id: self.request_id,
            traceparent: self.traceparent,
            occurred_at: time(self.occurred_at)?,
            payload: self.payload,
        })
    }
}

#[async_trait]
impl Outbox for MongoUnit {
    async fn append(&mut self, event: &OutboxEvent) -> Result<(), StoreError> {
        if let Some(announcement) = self.announcement() {
            announcement.events = true;
        }
        self.add::<EventDoc>(from_ref(event)).await
    }

    async fn settle(&mut self, event: EventId) -> Result<bool, StoreError> {
        self.run(async |executor| {
            if executor.by_id::<EventDoc>(event.uuid()).await?.is_some() {
                return Ok(true);
            }
            // Not finding the event proves nothing. Inserting and deleting its row collides with a unit that has stored
            // the event and is not committed yet, and with every unit that tries to store it while this one lasts.
            let id = record::id(event.uuid());
            let trace = RawDocumentBuf::try_from(&doc! { "_id": id }).map_err(StoreError::unreadable)?;
            executor.insert_raw(EventDoc::COLLECTION, vec![trace]).await.map_err(|error| match error {
                StoreError::Duplicate { .. } => StoreError::Retry("the event was stored meanwhile".into()),
                other => other,
            })?;
            executor.delete(EventDoc::COLLECTION, doc! { "_id": id }).await?;
            Ok(false)
        })
        .await
    }
}

#[async_trait]
impl OutboxQueries for MongoStore {
    async fn list_events(&self, after: Option<EventId>, limit: u32) -> Result<Vec<OutboxEvent>, StoreError> {
        let filter = after.map_or_else(|| doc! {}, |event| doc! { "_id": { "$gt": record::id(event.uuid()) } });
        self.read().await?.find::<EventDoc>(Query::of(filter).by(doc! { "_id": 1 }).at_most(limit)).await
    }
}
