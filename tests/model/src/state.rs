//! The stored data, as far as the ports show it.

use crate::{
    context::CONTEXTS,
    item::{Item, Items},
};
use skep_application::{
    Store,
    kernel::{OutboxEvent, StoreError},
};
use skep_domain::shared::{EventId, Timestamp, UserId, Version};
use std::{collections::BTreeSet, fmt};
use uuid::Uuid;

/// An event without its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Happened {
    /// The wire name.
    pub name: String,
    /// The id of the aggregate that changed.
    pub aggregate: Uuid,
    /// The version of the aggregate after the change.
    pub version: Version,
    /// The user that caused it.
    pub actor: Option<UserId>,
    /// The time of the change.
    pub at: Timestamp,
    /// The details, a JSON text with sorted keys.
    pub payload: String,
}

/// The stored data, as far as the ports show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndState {
    rows: Items,
    /// The outbox, sorted.
    pub events: Vec<Happened>,
}

impl Default for EndState {
    fn default() -> Self {
        Self { rows: Items::new(CONTEXTS.iter().map(|context| context.stored())), events: vec![] }
    }
}

impl EndState {
    /// The rows of a context.
    #[must_use]
    pub fn get<T: Item>(&self) -> &T {
        self.rows.get()
    }

    pub(crate) fn get_mut<T: Item>(&mut self) -> &mut T {
        self.rows.get_mut()
    }

    /// The aggregates with an event whose name starts like this.
    pub(crate) fn changed(&self, prefix: &str) -> BTreeSet<Uuid> {
        self.events.iter().filter(|event| event.name.starts_with(prefix)).map(|event| event.aggregate).collect()
    }

    /// Checks the rules of all contexts between rows that always hold.
    ///
    /// # Errors
    /// The first row that breaks a rule, with its numbers.
    pub fn add_up(&self) -> Result<(), String> {
        CONTEXTS.iter().try_for_each(|context| context.add_up(self))
    }
}

/// The rows as text with the name of their kind.
pub(crate) fn rows<T: fmt::Debug>(kind: &str, rows: impl IntoIterator<Item = T>) -> Vec<String> {
    rows.into_iter().map(|row| format!("{kind} {row:?}")).collect()
}

/// Lists the rows in which two states differ.
#[must_use]
pub(crate) fn differences(model: &EndState, found: &EndState) -> String {
    let all = |state: &EndState| {
        let rows = CONTEXTS.iter().flat_map(|context| context.rows(state));
        rows.chain(self::rows("event", &state.events)).collect::<Vec<_>>()
    };
    let (expected, found) = (all(model), all(found));
    let missing = expected.iter().filter(|row| !found.contains(row)).map(|row| format!("  missing: {row}"));
    let extra = found.iter().filter(|row| !expected.contains(row)).map(|row| format!("  found: {row}"));
    missing.chain(extra).collect::<Vec<_>>().join("\n")
}

fn happened(event: OutboxEvent) -> Happened {
    let payload = serde_json::from_str::<serde_json::Value>(&event.payload);
    Happened {
        name: event.name,
        aggregate: event.aggregate_id,
        version: event.aggregate_version,
        actor: event.actor_id,
        at: event.occurred_at,
        // Parsing and writing the JSON sorts the keys.
        payload: payload.map_or(event.payload, |value| value.to_string()),
    }
}

async fn all_events(store: &dyn Store) -> Result<Vec<OutboxEvent>, StoreError> {
    let mut events: Vec<OutboxEvent> = vec![];
    loop {
        let after: Option<EventId> = events.last().map(|event| event.id);
        let page = store.list_events(after, 100).await?;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
    }
}

/// Reads every row that an event, a list or another row refers to.
pub(crate) async fn read(store: &dyn Store) -> Result<EndState, StoreError> {
    let mut events: Vec<Happened> = all_events(store).await?.into_iter().map(happened).collect();
    events.sort();
    let mut state = EndState { events, ..EndState::default() };
    for context in CONTEXTS {
        context.read(store, &mut state).await?;
    }
    Ok(state)
}
