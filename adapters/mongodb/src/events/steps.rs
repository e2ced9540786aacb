//! The work of the migrations of events.

use super::{
    indexes::{OF_EVENTS, placed, unplaced},
    log::{LogDoc, log},
};
use crate::{kernel::EventDoc, record::Record as _, schema::MongoSchema, wake_ups};
use bson::{Bson, Document, doc};
use skep_application::kernel::StoreError;
use std::{future::Future, pin::Pin};

pub(super) type Done<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// The number of events that one command places.
const BATCH: i32 = 1_000;

/// Gives the stored events their positions in the order of their ids, so that no later subscriber gets them as new ones.
/// After an interruption it goes on behind the last position. An event that an older program stores meanwhile gets its
/// position here or later.
pub(super) fn place_all<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(async move {
        let last = find(schema, placed(), doc! { "position": -1 }, 1).await?;
        let mut last = last.first().map_or(Ok(0), |event| event.get_i64("position")).map_err(StoreError::unreadable)?;
        let mut after = Bson::MinKey;
        loop {
            let mut next = unplaced();
            next.insert("_id", doc! { "$gt": after });
            let next = find(schema, next, doc! { "_id": 1 }, BATCH).await?;
            let Some(end) = next.last().and_then(|event| event.get("_id")) else { break };
            after = end.clone();
            let places = next.iter().zip(last + 1..).map(|(event, position)| {
                doc! { "q": { "_id": event.get("_id") }, "u": { "$set": { "position": position } } }
            });
            update(schema, EventDoc::COLLECTION, places.collect()).await?;
            last += i64::try_from(next.len()).map_err(StoreError::unreadable)?;
        }
        let end = doc! { "q": log(), "u": { "$max": { "last": last } }, "upsert": true };
        update(schema, LogDoc::COLLECTION, vec![end]).await
    })
}

/// Drops the log and everything about subscribers. Events stay, as an older program stores them.
pub(super) fn remove_all<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(async move {
        for index in OF_EVENTS {
            schema.drop_index(EventDoc::COLLECTION, index.name).await?;
        }
        let without = doc! { "q": placed(), "u": { "$unset": { "position": "" } }, "multi": true };
        update(schema, EventDoc::COLLECTION, vec![without]).await?;
        for collection in ["held_events", "received_events", "subscriptions", LogDoc::COLLECTION] {
            schema.drop_collection(collection).await?;
        }
        Ok(())
    })
}

/// Makes the collection of messages between instances.
pub(super) fn make_wake_ups<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(schema.create_capped(wake_ups::COLLECTION, wake_ups::SIZE))
}

pub(super) fn remove_wake_ups<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(schema.drop_collection(wake_ups::COLLECTION))
}

async fn find(
    schema: &mut MongoSchema<'_>,
    filter: Document,
    sort: Document,
    limit: i32,
) -> Result<Vec<Document>, StoreError> {
    let find = doc! {
        "find": EventDoc::COLLECTION, "filter": filter, "projection": { "position": 1 }, "sort": sort, "limit": limit,
        "singleBatch": true, "allowDiskUse": true,
    };
    let found = schema.command(find).await?;
    let found = found.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    let found = found.map_err(StoreError::unreadable)?.iter().filter_map(Bson::as_document);
    Ok(found.cloned().collect())
}

pub(super) async fn update(
    schema: &mut MongoSchema<'_>,
    collection: &str,
    updates: Vec<Document>,
) -> Result<(), StoreError> {
    schema.command(doc! { "update": collection, "updates": updates }).await.map(drop)
}
