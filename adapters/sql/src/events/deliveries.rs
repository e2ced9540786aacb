//! Subscriptions, what they have received, and what they hold back, inside and outside of units of work.

use super::{
    held_events::{self, HELD},
    received_events,
    subscriptions::{self, SUBSCRIPTIONS},
};
use crate::{Row, SqlStore, SqlUnit, args, stored::Stored};
use async_trait::async_trait;
use skep_application::{
    events::{DeliveryQueries, DeliveryRepository, HeldSort},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    events::{EventPosition, HeldEvent, HeldEventId, HeldState, SubscriberName, Subscription, SubscriptionId},
    shared::{EventId, Timestamp, Version},
};
use uuid::Uuid;

#[async_trait]
impl DeliveryRepository for SqlUnit {
    async fn find(&mut self, id: SubscriptionId) -> Result<Option<Subscription>, StoreError> {
        if self.writes() {
            self.row(&subscriptions::LOCK, args![id.uuid()], Subscription::read).await
        } else {
            SUBSCRIPTIONS.find(self, id.uuid()).await
        }
    }

    async fn find_live(&mut self, subscriber: &SubscriberName) -> Result<Option<Subscription>, StoreError> {
        let statement = if self.writes() { &subscriptions::LOCK_LIVE } else { &subscriptions::FIND_LIVE };
        self.row(statement, args![subscriber.as_str()], Subscription::read).await
    }

    async fn insert(&mut self, subscription: &Subscription) -> Result<(), StoreError> {
        SUBSCRIPTIONS.insert(self, subscription).await
    }

    async fn save(&mut self, subscription: &Subscription) -> Result<Version, StoreError> {
        SUBSCRIPTIONS.save(self, subscription).await
    }

    async fn delete(&mut self, subscription: &Subscription) -> Result<(), StoreError> {
        SUBSCRIPTIONS.delete(self, subscription).await?;
        self.change(&held_events::DELETE_OF_SUBSCRIPTION, args![subscription.id.uuid()]).await.map(drop)
    }

    async fn count_replays(&mut self, bound: u32) -> Result<u64, StoreError> {
        let replays = self.row(&subscriptions::COUNT_REPLAYS, args![bound], Row::count).await?;
        Ok(replays.unwrap_or_default())
    }

    async fn receive(
        &mut self,
        subscription: SubscriptionId,
        events: &[EventId],
        now: Timestamp,
    ) -> Result<Vec<EventId>, StoreError> {
        let ids: Vec<_> = events.iter().map(|event| event.uuid()).collect();
        let read = |row: &mut Row| row.uuid().map(EventId::new);
        self.rows(&received_events::RECEIVE, args![subscription.uuid(), ids, now], read).await
    }

    async fn held_aggregates(
        &mut self,
        subscription: SubscriptionId,
        aggregates: &[Uuid],
    ) -> Result<Vec<Uuid>, StoreError> {
        let args = args![subscription.uuid(), aggregates.to_vec()];
        self.rows(&held_events::LIST_AGGREGATES, args, Row::uuid).await
    }

    async fn hold(&mut self, events: &[HeldEvent]) -> Result<(), StoreError> {
        HELD.insert_many(self, events).await
    }

    async fn find_held(&mut self, id: HeldEventId) -> Result<Option<HeldEvent>, StoreError> {
        if self.writes() {
            self.row(&held_events::LOCK, args![id.uuid()], HeldEvent::read).await
        } else {
            HELD.find(self, id.uuid()).await
        }
    }

    async fn save_held(&mut self, event: &HeldEvent) -> Result<Version, StoreError> {
        HELD.save(self, event).await
    }

    async fn release_held(&mut self, event: &HeldEvent) -> Result<(), StoreError> {
        HELD.delete(self, event).await
    }

    async fn next_held(
        &mut self,
        subscription: SubscriptionId,
        aggregate: Uuid,
    ) -> Result<Option<HeldEvent>, StoreError> {
        self.row(&held_events::NEXT, args![subscription.uuid(), aggregate], HeldEvent::read).await
    }

    async fn count_held(&mut self, subscription: SubscriptionId, bound: u32) -> Result<u64, StoreError> {
        let held = self.row(&held_events::COUNT, args![subscription.uuid(), bound], Row::count).await?;
        Ok(held.unwrap_or_default())
    }

    async fn list_behind(&mut self, position: EventPosition, limit: u32) -> Result<Vec<Subscription>, StoreError> {
        self.rows(&subscriptions::LIST_BEHIND, args![position.get(), limit], Subscription::read).await
    }

    async fn sweep_finished(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.change(&subscriptions::SWEEP, args![until, limit]).await
    }

    async fn sweep_received(&mut self, until: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.change(&received_events::SWEEP, args![until, limit]).await
    }
}

#[async_trait]
impl DeliveryQueries for SqlStore {
    async fn list_subscriptions(&self, limit: u32) -> Result<Vec<Subscription>, StoreError> {
        self.rows(&subscriptions::LIST, args![limit], Subscription::read).await
    }

    async fn find_subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>, StoreError> {
        SUBSCRIPTIONS.look_up(self, id.uuid()).await
    }

    async fn list_due(
        &self,
        subscription: SubscriptionId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<HeldEvent>, StoreError> {
        self.rows(&held_events::LIST_DUE, args![subscription.uuid(), now, limit], HeldEvent::read).await
    }

    async fn list_held_events(
        &self,
        state: HeldState,
        sort: HeldSort,
        page: &PageRequest,
    ) -> Result<Page<HeldEvent>, StoreError> {
        let by = (sort.key.name(), sort.direction);
        held_events::LIST.page(self, by, args![state.name()], page, |held| sort.key.position(held)).await
    }

    async fn find_held_event(&self, id: HeldEventId) -> Result<Option<HeldEvent>, StoreError> {
        HELD.look_up(self, id.uuid()).await
    }

    async fn count_held_events(
        &self,
        subscription: SubscriptionId,
        bound: u32,
    ) -> Result<Vec<(HeldState, u64)>, StoreError> {
        let args = args![subscription.uuid(), bound];
        let counts = self.row(&held_events::COUNT_BY_STATE, args, held_events::read_counts).await?;
        Ok(counts.unwrap_or_default())
    }
}
