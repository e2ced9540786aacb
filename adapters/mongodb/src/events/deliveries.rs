//! Subscriptions, what they have received, and what they hold back, inside a unit of work.

use super::{
    documents::{HeldAggregateDoc, HeldEventDoc, SubscriptionDoc},
    indexes::{BEHIND, CREATED, HELD_OF_AGGREGATE, HELD_STATES, active, live},
    received::{ReceivedDoc, receive},
};
use crate::{
    ops::Query,
    record::{self, Record as _, date},
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Document, doc};
use skep_application::{events::DeliveryRepository, kernel::StoreError};
use skep_domain::{
    events::{EventPosition, HeldEvent, HeldEventId, SubscriberName, Subscription, SubscriptionId, SubscriptionState},
    shared::{EventId, Timestamp, Version},
};
use std::slice::from_ref;
use uuid::Uuid;

/// The events that the subscription holds back.
pub(super) fn held_by(subscription: SubscriptionId) -> Document {
    doc! { "subscription_id": record::id(subscription.uuid()) }
}

/// Reads lock nothing. Two units that save the same entity collide, and one of them ends with `Retry` or `Stale`.
#[async_trait]
impl DeliveryRepository for MongoUnit {
    async fn find(&mut self, id: SubscriptionId) -> Result<Option<Subscription>, StoreError> {
        self.by_id::<SubscriptionDoc>(id.uuid()).await
    }

    async fn find_live(&mut self, subscriber: &SubscriberName) -> Result<Option<Subscription>, StoreError> {
        let mut live = live();
        live.insert("subscriber", subscriber.as_str());
        self.first::<SubscriptionDoc>(live).await
    }

    async fn insert(&mut self, subscription: &Subscription) -> Result<(), StoreError> {
        self.add::<SubscriptionDoc>(from_ref(subscription)).await
    }

    async fn save(&mut self, subscription: &Subscription) -> Result<Version, StoreError> {
        self.put::<SubscriptionDoc>(subscription).await
    }

    async fn delete(&mut self, subscription: &Subscription) -> Result<(), StoreError> {
        let held = held_by(subscription.id);
        self.run(async |executor| {
            executor.remove::<SubscriptionDoc>(subscription).await?;
            executor.delete(HeldEventDoc::COLLECTION, held).await.map(drop)
        })
        .await
    }

    async fn count_replays(&mut self, bound: u32) -> Result<u64, StoreError> {
        let unfinished =
            doc! { "replay_until": { "$ne": null }, "state": { "$ne": SubscriptionState::Finished.name() } };
        self.run(async |executor| executor.count::<SubscriptionDoc>(unfinished, CREATED.name, bound.into()).await).await
    }

    async fn receive(
        &mut self,
        subscription: SubscriptionId,
        events: &[EventId],
        now: Timestamp,
    ) -> Result<Vec<EventId>, StoreError> {
        self.run(async |executor| receive(executor, subscription, events, now).await).await
    }

    async fn held_aggregates(
        &mut self,
        subscription: SubscriptionId,
        aggregates: &[Uuid],
    ) -> Result<Vec<Uuid>, StoreError> {
        let mut held = held_by(subscription);
        held.insert("aggregate_id", doc! { "$in": record::ids(aggregates.iter().copied()) });
        let stages = vec![doc! { "$match": held }, doc! { "$group": { "_id": "$aggregate_id" } }];
        self.run(async |executor| executor.aggregate::<HeldAggregateDoc>(stages).await).await
    }

    async fn hold(&mut self, events: &[HeldEvent]) -> Result<(), StoreError> {
        self.add::<HeldEventDoc>(events).await
    }

    async fn find_held(&mut self, id: HeldEventId) -> Result<Option<HeldEvent>, StoreError> {
        self.by_id::<HeldEventDoc>(id.uuid()).await
    }

    async fn save_held(&mut self, event: &HeldEvent) -> Result<Version, StoreError> {
        self.put::<HeldEventDoc>(event).await
    }

    async fn release_held(&mut self, event: &HeldEvent) -> Result<(), StoreError> {
        self.remove::<HeldEventDoc>(event).await
    }

    async fn next_held(
        &mut self,
        subscription: SubscriptionId,
        aggregate: Uuid,
    ) -> Result<Option<HeldEvent>, StoreError> {
        let mut held = held_by(subscription);
        held.insert("aggregate_id", record::id(aggregate));
        let first = Query::of(held).along(HELD_OF_AGGREGATE.name).by(doc! { "position": 1 }).at_most(1);
        Ok(self.all::<HeldEventDoc>(first).await?.pop())
    }

    async fn count_held(&mut self, subscription: SubscriptionId, bound: u32) -> Result<u64, StoreError> {
        let held = held_by(subscription);
        self.run(async |executor| executor.count::<HeldEventDoc>(held, HELD_STATES.name, bound.into()).await).await
    }

    async fn list_behind(&mut self, position: EventPosition, limit: u32) -> Result<Vec<Subscription>, StoreError> {
        let mut behind = active();
        behind.insert("position", doc! { "$lt": position.get() });
        let behind = Query::of(behind).along(BEHIND.name).by(doc! { "position": 1, "_id": 1 });
        self.all::<SubscriptionDoc>(behind.at_most(limit)).await
    }

    async fn sweep_finished(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let finished = doc! { "state": SubscriptionState::Finished.name(), "updated_at": { "$lte": date(until) } };
        let old = Query::of(finished).by(doc! { "updated_at": 1, "_id": 1 });
        self.delete_found::<SubscriptionDoc>(old.at_most(limit)).await
    }

    async fn sweep_received(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let old = Query::of(doc! { "received_at": { "$lte": date(until) } });
        self.delete_found::<ReceivedDoc>(old.by(doc! { "received_at": 1 }).at_most(limit)).await
    }
}
