//! The log of events, and subscriptions: everything passes through.

use super::{Done, FlawedUnit};
use async_trait::async_trait;
use skep_application::events::{DeliveryRepository, EventLog, LogEnds};
use skep_domain::{
    events::{EventPosition, HeldEvent, HeldEventId, SubscriberName, Subscription, SubscriptionId, UnplacedEvent},
    shared::{EventId, Timestamp, Version},
};
use uuid::Uuid;

#[async_trait]
impl EventLog for FlawedUnit {
    async fn lock(&mut self) -> Done<LogEnds> {
        through!(self, EventLog::lock())
    }
    async fn list_unplaced(&mut self, limit: u32) -> Done<Vec<UnplacedEvent>> {
        through!(self, EventLog::list_unplaced(limit))
    }
    async fn place(&mut self, events: &[(EventId, EventPosition)]) -> Done<()> {
        through!(self, EventLog::place(events))
    }
    async fn last_before(&mut self, time: Timestamp) -> Done<EventPosition> {
        through!(self, EventLog::last_before(time))
    }
    async fn sweep(&mut self, until: Timestamp, passed: EventPosition, limit: u32) -> Done<u64> {
        through!(self, EventLog::sweep(until, passed, limit))
    }
}

#[async_trait]
impl DeliveryRepository for FlawedUnit {
    async fn find(&mut self, id: SubscriptionId) -> Done<Option<Subscription>> {
        through!(self, DeliveryRepository::find(id))
    }
    async fn find_live(&mut self, subscriber: &SubscriberName) -> Done<Option<Subscription>> {
        through!(self, DeliveryRepository::find_live(subscriber))
    }
    async fn insert(&mut self, subscription: &Subscription) -> Done<()> {
        through!(self, DeliveryRepository::insert(subscription))
    }
    async fn save(&mut self, subscription: &Subscription) -> Done<Version> {
        through!(self, DeliveryRepository::save(subscription))
    }
    async fn delete(&mut self, subscription: &Subscription) -> Done<()> {
        through!(self, DeliveryRepository::delete(subscription))
    }
    async fn count_replays(&mut self, bound: u32) -> Done<u64> {
        through!(self, DeliveryRepository::count_replays(bound))
    }
    async fn receive(&mut self, id: SubscriptionId, events: &[EventId], now: Timestamp) -> Done<Vec<EventId>> {
        through!(self, DeliveryRepository::receive(id, events, now))
    }
    async fn held_aggregates(&mut self, id: SubscriptionId, aggregates: &[Uuid]) -> Done<Vec<Uuid>> {
        through!(self, DeliveryRepository::held_aggregates(id, aggregates))
    }
    async fn hold(&mut self, events: &[HeldEvent]) -> Done<()> {
        through!(self, DeliveryRepository::hold(events))
    }
    async fn find_held(&mut self, id: HeldEventId) -> Done<Option<HeldEvent>> {
        through!(self, DeliveryRepository::find_held(id))
    }
    async fn save_held(&mut self, event: &HeldEvent) -> Done<Version> {
        through!(self, DeliveryRepository::save_held(event))
    }
    async fn release_held(&mut self, event: &HeldEvent) -> Done<()> {
        through!(self, DeliveryRepository::release_held(event))
    }
    async fn next_held(&mut self, id: SubscriptionId, aggregate: Uuid) -> Done<Option<HeldEvent>> {
        through!(self, DeliveryRepository::next_held(id, aggregate))
    }
    async fn count_held(&mut self, id: SubscriptionId, bound: u32) -> Done<u64> {
        through!(self, DeliveryRepository::count_held(id, bound))
    }
    async fn list_behind(&mut self, position: EventPosition, limit: u32) -> Done<Vec<Subscription>> {
        through!(self, DeliveryRepository::list_behind(position, limit))
    }
    async fn sweep_finished(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        through!(self, DeliveryRepository::sweep_finished(until, limit))
    }
    async fn sweep_received(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        through!(self, DeliveryRepository::sweep_received(until, limit))
    }
}
