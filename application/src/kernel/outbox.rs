//! The outbox: events that are stored with the change they report, and delivered afterwards.

use super::{Actor, StoreError};
use async_trait::async_trait;
use skep_domain::shared::{Event, EventId, Timestamp, UserId, Version};
use uuid::Uuid;

/// An event as it is stored. The payload carries ids, never an e-mail address or a name, so that a person can be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// The identifier, and the mark of the unit of work that stored it.
    pub id: EventId,
    /// The wire name, `context.what_happened.vN`.
    pub name: String,
    /// The aggregate that it happened to.
    pub aggregate_id: Uuid,
    /// The version of the aggregate after it.
    pub aggregate_version: Version,
    /// The user on whose behalf it happened.
    pub actor_id: Option<UserId>,
    /// The user behind an impersonation.
    pub impersonator_id: Option<UserId>,
    /// The request in which it happened.
    pub request_id: String,
    /// The W3C trace context of the request.
    pub traceparent: Option<String>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What there is to know of it, a JSON object.
    pub payload: String,
}

impl OutboxEvent {
    /// The stored form of an event that `actor` caused.
    ///
    /// # Errors
    /// `Corrupt` if the event cannot be serialized, which no event of ours does.
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
/// 2. The same event id twice is a `Duplicate` of `EventId`.
/// 3. `settle` is final: it answers whether a unit that appended this event was committed, waits for (or reports as
///    `Retry`) one that is still on its way, and after `false` none can come any more while this unit lasts.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Outbox: Send {
    /// Stores the event with this unit.
    async fn append(&mut self, event: &OutboxEvent) -> Result<(), StoreError>;
    /// Whether an earlier unit of work that appended `event` was committed, after all.
    async fn settle(&mut self, event: EventId) -> Result<bool, StoreError>;
}

/// Reads the outbox.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait OutboxQueries: Send + Sync {
    /// At most `limit` committed events with ids after `after`, by id.
    async fn list_events(&self, after: Option<EventId>, limit: u32) -> Result<Vec<OutboxEvent>, StoreError>;
}
