//! The outbox. Events are stored with the change that they report, and delivered afterwards.

use super::{Actor, StoreError};
use async_trait::async_trait;
use skep_domain::shared::{Event, EventId, Timestamp, UserId, Version};
use uuid::Uuid;

/// An event as it is stored. The payload has ids, never an e-mail address or a name, so that a person can be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// The id of the event. It also identifies the unit of work that stored the event.
    pub id: EventId,
    /// The wire name, `context.what_happened.vN`.
    pub name: String,
    /// The id of the aggregate that has changed.
    pub aggregate_id: Uuid,
    /// The version of the aggregate after the change.
    pub aggregate_version: Version,
    /// The user that the call acted for.
    pub actor_id: Option<UserId>,
    /// The user that acted as `actor_id`, if the call was impersonated.
    pub impersonator_id: Option<UserId>,
    /// The id of the request that caused the event.
    pub request_id: String,
    /// The W3C trace context of the request.
    pub traceparent: Option<String>,
    /// The time of the change.
    pub occurred_at: Timestamp,
    /// The data of the event, as a JSON object.
    pub payload: String,
}

impl OutboxEvent {
    /// Makes the stored form of an event that `actor` caused.
    ///
    /// # Errors
    /// `Corrupt` if the event cannot be serialized. All events of Skep can.
    pub fn of<E: Event>(
        id: EventId,
        event: &E,
        aggregate_version: Version,
        actor: &Actor,
        occurred_at: Timestamp,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            id,
            name: E::NAME.to_owned(),
            aggregate_id: event.aggregate_id(),
            aggregate_version,
            actor_id: actor.user_id(),
            impersonator_id: actor.impersonator,
            request_id: actor.request_id.clone(),
            traceparent: actor.traceparent.clone(),
            occurred_at,
            payload: serde_json::to_string(event).map_err(StoreError::unreadable)?,
        })
    }
}

/// The outbox, inside a unit of work.
///
/// 1. An appended event is stored with the unit or not at all.
/// 2. Appending the same event id twice is a `Duplicate` of [`EVENT_ID`](super::constraints::EVENT_ID).
/// 3. `settle` returns whether a unit that appended this event was committed. If such a unit is still being committed,
///    `settle` waits for it or returns `Retry`. After `false`, no other unit can store the event until this one ends.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Outbox: Send {
    /// Stores the event with this unit.
    async fn append(&mut self, event: &OutboxEvent) -> Result<(), StoreError>;
    /// Returns whether an earlier unit of work that appended `event` was committed after all. The answer is final.
    async fn settle(&mut self, event: EventId) -> Result<bool, StoreError>;
}

/// Reads committed events.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait OutboxQueries: Send + Sync {
    /// Lists at most `limit` committed events with ids after `after`, in the order of their ids.
    async fn list_events(&self, after: Option<EventId>, limit: u32) -> Result<Vec<OutboxEvent>, StoreError>;
}
