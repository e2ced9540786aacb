//! What happens after an order: its event gets a position, and the subscriber of mails stores one job for it.

mod check;
#[cfg(test)]
mod tests;

use crate::{
    context::{Checks, Choice, Context},
    state::{Row, State, Table},
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// The position of an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Placed {
    event_id: Uuid,
    position: i64,
}

impl Row for Placed {
    const TABLE: Table = Table {
        collection: "outbox",
        rows: |event| match event["position"].as_i64() {
            Some(position) => vec![json!({ "event_id": event["_id"], "position": position })],
            None => vec![],
        },
        ..Table::new::<Self>("event_positions", &["event_id"], &["position"])
    };
}

/// How far a subscriber has come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Subscription {
    id: Uuid,
    subscriber: String,
    position: i64,
}

impl Row for Subscription {
    const TABLE: Table = Table::new::<Self>("subscriptions", &["id"], &["subscriber", "position"]);
}

/// An event that a subscriber holds back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Held {
    subscription_id: Uuid,
    event_id: Uuid,
}

impl Row for Held {
    const TABLE: Table = Table::new::<Self>("held_events", &["subscription_id", "event_id"], &[]);
}

/// The context of events. It has no commands of its own: the commands of the others have events.
pub(crate) struct Events;

impl Context for Events {
    fn name(&self) -> &'static str {
        "events"
    }

    fn tables(&self) -> &'static [Table] {
        &[Placed::TABLE, Subscription::TABLE, Held::TABLE]
    }

    fn choices(&self) -> &'static [Choice] {
        &[]
    }

    fn refusals(&self) -> &'static [&'static str] {
        &[]
    }

    fn lists(&self) -> &'static [&'static str] {
        &[]
    }

    fn checks<'s>(&self, state: &'s State) -> Box<dyn Checks + 's> {
        Box::new(check::Log::of(state))
    }
}
