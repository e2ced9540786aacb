//! The bodies of events: CloudEvents 1.0 in the JSON format.

use crate::parts::{Id, ListLinks};
use poem_openapi::Object;
use serde::Serialize;
use serde_json::Value;
use skep_application::{
    events::{LogEnds, PlacedEvent},
    jobs::as_json,
};
use skep_domain::shared::{EventId, UserId};

/// The path of the events.
pub(super) const EVENTS: &str = "/api/v1/events";

/// An event, as a CloudEvent 1.0 in the JSON format. Numbers of extensions are text, because an integer of CloudEvents has
/// 32 bits only.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Event")]
pub struct EventBody {
    /// The version of CloudEvents: `1.0`.
    specversion: String,
    /// The id of the event.
    id: Id<EventId>,
    /// The deployment: `PUBLIC_URL`, or the issuer of its access tokens.
    source: String,
    /// The name of the event, with its version.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    kind: String,
    /// The id of the aggregate that has changed.
    subject: String,
    /// The time of the change.
    time: String,
    /// The media type of `data`: `application/json`.
    datacontenttype: String,
    /// The payload, an object. Its fields depend on `type`.
    data: Value,
    /// Events with the same key are delivered in their order. It is the id of the aggregate.
    partitionkey: String,
    /// The version of the aggregate after the change, a whole number as text.
    aggregateversion: String,
    /// The place of the event in the log, a whole number as text.
    position: String,
    /// The W3C trace context of the request that caused the event; absent if it had none.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    /// The id of the request that caused the event.
    requestid: String,
    /// The id of the user whose request caused the event; absent if none did.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    actorid: Option<Id<UserId>>,
    /// The id of the user who acted as `actorid`; absent if none did.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    impersonatorid: Option<Id<UserId>>,
}

impl EventBody {
    /// The envelope of an event of the deployment with this source.
    #[must_use]
    pub fn of(PlacedEvent { position, event }: PlacedEvent, source: &str) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: Id(event.id),
            source: if source.is_empty() { "/".to_owned() } else { source.to_owned() },
            kind: event.name,
            subject: event.aggregate_id.to_string(),
            time: event.occurred_at.to_string(),
            datacontenttype: "application/json".to_owned(),
            data: as_json(&event.payload),
            partitionkey: event.aggregate_id.to_string(),
            aggregateversion: event.aggregate_version.to_string(),
            position: position.get().to_string(),
            traceparent: event.traceparent,
            requestid: event.request_id,
            actorid: event.actor_id.map(Id),
            impersonatorid: event.impersonator_id.map(Id),
        }
    }
}

/// Events of the log, in the order of their positions.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "EventList")]
pub(super) struct EventListBody {
    /// The events after the position that was asked for.
    pub(super) data: Vec<EventBody>,
    /// The ends of the log.
    pub(super) log: EventLogBody,
    /// The paths of this page and of the next page.
    pub(super) links: ListLinks,
}

/// The ends of the log of events.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "EventLog")]
pub(super) struct EventLogBody {
    /// The greatest position of an event that was deleted; 0 if none was. Each event after it is kept.
    deleted: i64,
    /// The position of the last event; 0 if there was none.
    last: i64,
}

impl From<LogEnds> for EventLogBody {
    fn from(ends: LogEnds) -> Self {
        Self { deleted: ends.swept.get(), last: ends.last.get() }
    }
}
