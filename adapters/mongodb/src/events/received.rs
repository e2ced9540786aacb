//! The events that subscriptions have received.

use crate::{
    ops::{Executor, Query},
    record::{Record, Stored, Unreadable, binary, date, field},
};
use bson::{Binary, Bson, DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::kernel::StoreError;
use skep_domain::{
    events::SubscriptionId,
    shared::{EventId, Timestamp},
};
use std::collections::BTreeMap;

/// There are as many as events and subscribers, so the documents are small: the id is that of the subscription, followed
/// by that of the event, and needs no names of fields and no second index.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ReceivedDoc {
    #[serde(rename = "_id")]
    id: Binary,
    received_at: DateTime,
}

impl Record for ReceivedDoc {
    const COLLECTION: &'static str = "received_events";
    type Entity = Self;
    fn read(self) -> Result<Self, Unreadable> {
        Ok(self)
    }
}

impl Stored for ReceivedDoc {
    fn of(received: &Self) -> Self {
        received.clone()
    }
}

fn id_of(subscription: SubscriptionId, event: EventId) -> Binary {
    binary(&[*subscription.uuid().as_bytes(), *event.uuid().as_bytes()].concat())
}

/// Stores the events that the subscription has not received before, and returns them. An error would end the transaction,
/// so this finds the others first. A unit that stores one of them after this unit's snapshot collides with it.
pub(super) async fn receive(
    executor: &mut Executor,
    subscription: SubscriptionId,
    events: &[EventId],
    now: Timestamp,
) -> Result<Vec<EventId>, StoreError> {
    let mut new: BTreeMap<Vec<u8>, EventId> =
        events.iter().map(|event| (id_of(subscription, *event).bytes, *event)).collect();
    let ids: Vec<_> = new.keys().map(|id| binary(id)).collect();
    let earlier = Query::of(doc! { "_id": { "$in": ids } }).only(&[]);
    for id in executor.find_as(ReceivedDoc::COLLECTION, earlier, |document| field(document, "_id")).await? {
        if let Bson::Binary(id) = id {
            new.remove(&id.bytes);
        }
    }
    let received = new.keys().map(|id| ReceivedDoc { id: binary(id), received_at: date(now) });
    executor.add::<ReceivedDoc>(&received.collect::<Vec<_>>()).await?;
    Ok(new.into_values().collect())
}
