//! The migration that orders the events of each aggregate by its versions.
//!
//! The first step placed the events that were stored before by their ids. Ids are made before a unit begins, so those of two
//! changes of an aggregate may be in another order than its versions.
//!
//! An interrupted step goes on where it was. First each event that is at a wrong place gets its new one as `target`, which
//! can be repeated. Then all of them leave their places: a position below 0 is neither placed nor unplaced. As soon as there
//! is one, all targets are known. At last they take their new places.

use super::{
    indexes::placed,
    steps::{Done, update},
};
use crate::{events::documents::HELD_EVENTS, kernel::EventDoc, record::Record as _, schema::MongoSchema};
use bson::{Bson, Document, doc};
use skep_application::kernel::StoreError;

/// The number of events that one command changes.
const BATCH: usize = 1_000;

pub(super) fn order_by_versions<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(async move {
        let moving = doc! { "position": { "$lt": 0_i64 } };
        if aggregate(schema, vec![doc! { "$match": &moving }, doc! { "$limit": 1 }]).await?.is_empty() {
            for aggregate_id in misplaced_aggregates(schema).await? {
                choose_targets(schema, aggregate_id).await?;
            }
        }
        let mut waiting = placed();
        waiting.insert("target", doc! { "$exists": true });
        let leave = vec![doc! { "$set": { "position": { "$multiply": ["$target", -1_i64] } } }];
        all(schema, waiting, leave).await?;
        correct_held_events(schema, &moving).await?;
        let arrive = vec![doc! { "$set": { "position": "$target" } }, doc! { "$unset": "target" }];
        all(schema, moving, arrive).await
    })
}

/// The order stays right without the step.
pub(super) fn keep_order<'a>(_: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(async { Ok(()) })
}

/// The aggregates that have an event with a lower version than an earlier one.
async fn misplaced_aggregates(schema: &mut MongoSchema<'_>) -> Result<Vec<Bson>, StoreError> {
    let latest = doc! { "$max": "$aggregate_version", "window": { "documents": ["unbounded", -1] } };
    let stages = vec![
        doc! { "$match": placed() },
        doc! { "$setWindowFields": {
            "partitionBy": "$aggregate_id", "sortBy": { "position": 1 }, "output": { "latest": latest },
        } },
        doc! { "$match": { "$expr": { "$gt": ["$latest", "$aggregate_version"] } } },
        doc! { "$group": { "_id": "$aggregate_id" } },
    ];
    let found = aggregate(schema, stages).await?;
    Ok(found.into_iter().filter_map(|mut aggregate| aggregate.remove("_id")).collect())
}

/// Stores the new places of the events of this aggregate that are at wrong ones.
async fn choose_targets(schema: &mut MongoSchema<'_>, aggregate_id: Bson) -> Result<(), StoreError> {
    let mut of_one = placed();
    of_one.insert("aggregate_id", aggregate_id);
    let fields = doc! { "position": 1, "aggregate_version": 1 };
    let mut events = vec![];
    for event in aggregate(schema, vec![doc! { "$match": of_one }, doc! { "$project": fields }]).await? {
        let number = |name: &str| event.get_i64(name).map_err(StoreError::unreadable);
        let id = event.get("_id").cloned().unwrap_or(Bson::Null);
        events.push((number("aggregate_version")?, number("position")?, id));
    }
    let mut places: Vec<_> = events.iter().map(|(_, position, _)| *position).collect();
    places.sort_unstable();
    events.sort_by_key(|(version, position, _)| (*version, *position));
    let moves = events.iter().zip(places).filter(|((_, position, _), place)| position != place);
    let moves = moves.map(|((_, _, id), place)| doc! { "q": { "_id": id }, "u": { "$set": { "target": place } } });
    let moves: Vec<_> = moves.collect();
    for moves in moves.chunks(BATCH) {
        update(schema, EventDoc::COLLECTION, moves.to_vec()).await?;
    }
    Ok(())
}

/// Entries of events that are held back have the position, too.
async fn correct_held_events(schema: &mut MongoSchema<'_>, moving: &Document) -> Result<(), StoreError> {
    let held = doc! { "from": HELD_EVENTS, "localField": "_id", "foreignField": "event_id", "as": "held" };
    let stages = vec![
        doc! { "$match": moving },
        doc! { "$lookup": held },
        doc! { "$match": { "held": { "$ne": [] } } },
        doc! { "$project": { "target": 1 } },
    ];
    let found = aggregate(schema, stages).await?;
    let moves: Vec<_> = found.iter().filter_map(|event| Some((event.get("_id")?, event.get("target")?))).collect();
    for moves in moves.chunks(BATCH) {
        let moves = moves.iter().map(|(event, target)| {
            doc! { "q": { "event_id": event }, "u": { "$set": { "position": target } }, "multi": true }
        });
        update(schema, HELD_EVENTS, moves.collect()).await?;
    }
    Ok(())
}

/// Changes all events that match.
async fn all(schema: &mut MongoSchema<'_>, filter: Document, change: Vec<Document>) -> Result<(), StoreError> {
    update(schema, EventDoc::COLLECTION, vec![doc! { "q": filter, "u": change, "multi": true }]).await
}

async fn aggregate(schema: &mut MongoSchema<'_>, stages: Vec<Document>) -> Result<Vec<Document>, StoreError> {
    let command = doc! {
        "aggregate": EventDoc::COLLECTION, "pipeline": stages, "cursor": { "batchSize": 1_000 }, "allowDiskUse": true,
    };
    let mut answer = schema.command(command).await?;
    let mut found = vec![];
    loop {
        let cursor = answer.get_document("cursor").map_err(StoreError::unreadable)?;
        let batch = cursor.get_array("firstBatch").or_else(|_| cursor.get_array("nextBatch"));
        found.extend(batch.map_err(StoreError::unreadable)?.iter().filter_map(Bson::as_document).cloned());
        match cursor.get_i64("id").map_err(StoreError::unreadable)? {
            0 => break Ok(found),
            id => {
                let more = doc! { "getMore": id, "collection": EventDoc::COLLECTION, "batchSize": 1_000 };
                answer = schema.command(more).await?;
            }
        }
    }
}
