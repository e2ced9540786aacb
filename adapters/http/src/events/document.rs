//! Examples of the bodies of events, and the values of closed sets, for the OpenAPI document.

use crate::parts::{EXAMPLE_TIME, Schemas};
use serde_json::json;
use skep_application::Policies;
use skep_domain::events::{HeldState, SubscriberName, SubscriptionState};

pub(super) fn complete(schemas: &mut Schemas<'_>, _: &Policies) {
    schemas.values("Event", "specversion", ["1.0"]);
    schemas.values("ParkedEvent", "state", HeldState::NAMES.iter().copied());
    schemas.values("Subscriber", "state", SubscriptionState::NAMES.iter().copied());
    let request = &["StartReplayRequest"];
    let name = json!({ "minLength": 1, "maxLength": SubscriberName::MAX, "pattern": SubscriberName::PATTERN });
    schemas.limit(request, "subscriber", &name);
    schemas.limit(request, "after", &json!({ "minimum": 0, "maximum": i64::MAX }));
    let time = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$";
    schemas.limit(request, "after_time", &json!({ "format": "date-time", "maxLength": 64, "pattern": time }));
    let (order, event) = ("019a9d3c-5a00-7000-8000-000000000003", "019a9d3c-5a00-7000-8000-000000000007");
    let envelope = json!({
        "specversion": "1.0", "id": event, "source": "https://shop.example", "type": "ordering.order_paid.v1",
        "subject": order, "time": EXAMPLE_TIME, "datacontenttype": "application/json", "data": { "order_id": order },
        "partitionkey": order, "aggregateversion": "2", "position": "17",
        "requestid": "01a2007c618773369dc499524dcc726d",
    });
    let (log, path) = (json!({ "deleted": 0, "last": 17 }), "/api/v1/events?after=16&limit=20");
    schemas.example("Event", envelope.clone());
    schemas.example("EventLog", log.clone());
    schemas.example("EventList", json!({ "data": [envelope], "log": log, "links": { "self": path } }));
    let (subscription, counts) =
        ("019a9d3c-5a00-7000-8000-000000000008", json!({ "retryable": 0, "waiting": 1, "parked": 1 }));
    let name = "notifications.order_mails";
    schemas.example(
        "Subscriber",
        json!({
            "name": name, "subscription_id": subscription, "state": "active", "position": 17, "lag": 0, "held": counts,
            "created_at": EXAMPLE_TIME, "updated_at": EXAMPLE_TIME,
        }),
    );
    schemas.example("HeldCounts", counts);
    schemas.example("StartReplayRequest", json!({ "subscriber": name, "after": 12, "dry_run": true }));
    schemas.example("Replay", json!({ "after": 12, "until": 17, "events": 5 }));
    let held = "019a9d3c-5a00-7000-8000-000000000009";
    let links = json!({ "self": format!("/api/v1/events/parked/{held}"), "event": format!("/api/v1/events/{event}") });
    schemas.example(
        "ParkedEvent",
        json!({
            "id": held, "subscription_id": subscription, "event_id": event, "position": 17, "aggregate_id": order,
            "state": "parked", "attempt": 10, "ready_at": EXAMPLE_TIME, "message": "the order has no customer",
            "held_at": EXAMPLE_TIME, "links": links,
        }),
    );
    schemas.example("ParkedEventLinks", links);
}
