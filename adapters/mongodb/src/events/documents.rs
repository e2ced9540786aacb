//! The documents of subscriptions and of events that are held back.

use super::log::position;
use crate::record::{self, LeaseDoc, Record, Stored, Unreadable, Versioned, counter, date, time, version};
use bson::DateTime;
use serde::{Deserialize, Serialize};
use skep_domain::{
    events::{
        HeldEvent, HeldEventId, HeldState, Replay, SubscriberName, Subscription, SubscriptionId, SubscriptionState,
    },
    shared::EventId,
};

#[derive(Serialize, Deserialize)]
pub(super) struct SubscriptionDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    subscriber: String,
    /// The end of a replay.
    replay_until: Option<i64>,
    position: i64,
    state: String,
    lease: Option<LeaseDoc>,
    created_at: DateTime,
    updated_at: DateTime,
    version: i64,
}

impl Record for SubscriptionDoc {
    const COLLECTION: &'static str = "subscriptions";
    type Entity = Subscription;
    fn read(self) -> Result<Subscription, Unreadable> {
        let replay = self.replay_until.map(position).transpose()?.map(|until| Replay { until });
        Ok(Subscription {
            id: SubscriptionId::new(self.id.to_uuid_1()),
            subscriber: SubscriberName::stored(self.subscriber),
            replay,
            position: position(self.position)?,
            state: SubscriptionState::from_name(&self.state).ok_or("unknown state")?,
            lease: self.lease.map(LeaseDoc::read).transpose()?,
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for SubscriptionDoc {
    fn of(subscription: &Subscription) -> Self {
        Self {
            id: record::id(subscription.id.uuid()),
            subscriber: subscription.subscriber.as_str().to_owned(),
            replay_until: subscription.replay.map(|replay| replay.until.get()),
            position: subscription.position.get(),
            state: subscription.state.name().to_owned(),
            lease: subscription.lease.map(LeaseDoc::from),
            created_at: date(subscription.created_at),
            updated_at: date(subscription.updated_at),
            version: subscription.version.get(),
        }
    }
}

impl Versioned for SubscriptionDoc {
    const SAVED: Option<&'static [&'static str]> = Some(&["position", "state", "lease", "updated_at"]);
}

#[derive(Serialize, Deserialize)]
pub(super) struct HeldEventDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    subscription_id: bson::Uuid,
    event_id: bson::Uuid,
    position: i64,
    aggregate_id: bson::Uuid,
    state: String,
    attempt: i64,
    ready_at: DateTime,
    message: String,
    held_at: DateTime,
    version: i64,
}

pub(super) const HELD_EVENTS: &str = HeldEventDoc::COLLECTION;

impl Record for HeldEventDoc {
    const COLLECTION: &'static str = "held_events";
    type Entity = HeldEvent;
    fn read(self) -> Result<HeldEvent, Unreadable> {
        Ok(HeldEvent {
            id: HeldEventId::new(self.id.to_uuid_1()),
            subscription_id: SubscriptionId::new(self.subscription_id.to_uuid_1()),
            event_id: EventId::new(self.event_id.to_uuid_1()),
            position: position(self.position)?,
            aggregate_id: self.aggregate_id.to_uuid_1(),
            state: HeldState::from_name(&self.state).ok_or("unknown state")?,
            attempt: counter(self.attempt)?,
            ready_at: time(self.ready_at)?,
            message: self.message,
            held_at: time(self.held_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for HeldEventDoc {
    fn of(held: &HeldEvent) -> Self {
        Self {
            id: record::id(held.id.uuid()),
            subscription_id: record::id(held.subscription_id.uuid()),
            event_id: record::id(held.event_id.uuid()),
            position: held.position.get(),
            aggregate_id: record::id(held.aggregate_id),
            state: held.state.name().to_owned(),
            attempt: held.attempt.into(),
            ready_at: date(held.ready_at),
            message: held.message.clone(),
            held_at: date(held.held_at),
            version: held.version.get(),
        }
    }
}

impl Versioned for HeldEventDoc {
    const SAVED: Option<&'static [&'static str]> = Some(&["state", "attempt", "ready_at", "message"]);
}

/// An aggregate that has events which are held back.
#[derive(Deserialize)]
pub(super) struct HeldAggregateDoc {
    #[serde(rename = "_id")]
    aggregate: bson::Uuid,
}

impl Record for HeldAggregateDoc {
    const COLLECTION: &'static str = HeldEventDoc::COLLECTION;
    type Entity = uuid::Uuid;
    fn read(self) -> Result<uuid::Uuid, Unreadable> {
        Ok(self.aggregate.to_uuid_1())
    }
}
