//! The rows of a store, in the same form for every store.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
};
use uuid::Uuid;

/// The rows of all tables, read in one snapshot.
#[derive(Default)]
pub(crate) struct State(BTreeMap<TypeId, Box<dyn Any>>);

/// A row of a table.
pub(crate) trait Row: DeserializeOwned + 'static {
    const TABLE: Table;
}

/// A table and the columns to read from it.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Columns with ids.
    pub(crate) ids: &'static [&'static str],
    /// Columns with texts and numbers.
    pub(crate) values: &'static [&'static str],
    /// The collection of MongoDB that has the rows.
    pub(crate) collection: &'static str,
    /// Turns a document of the collection into rows with the columns of the table.
    pub(crate) rows: fn(Value) -> Vec<Value>,
    /// Adds rows to a state. Each is a JSON object with a member for every column.
    pub(crate) add: fn(&mut State, Vec<Value>),
}

impl Table {
    /// A table whose collection has the same name, and a document for each row.
    pub(crate) const fn new<R: Row>(
        name: &'static str,
        ids: &'static [&'static str],
        values: &'static [&'static str],
    ) -> Self {
        Self { name, ids, values, collection: name, rows: |document| vec![row(document, "id")], add: State::add::<R> }
    }
}

/// Turns a document into a row. The column `id` has its id. An id that is a document is a key of several columns.
pub(crate) fn row(document: Value, id: &str) -> Value {
    let Value::Object(mut fields) = document else { return document };
    match fields.remove("_id") {
        Some(Value::Object(key)) => fields.extend(key),
        Some(value) => drop(fields.insert(id.to_owned(), value)),
        None => {}
    }
    Value::Object(fields)
}

impl State {
    /// The rows of a table.
    pub(crate) fn rows<R: 'static>(&self) -> &[R] {
        let rows = self.0.get(&TypeId::of::<R>()).and_then(|rows| rows.downcast_ref::<Vec<R>>());
        rows.map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn rows_mut<R: 'static>(&mut self) -> &mut Vec<R> {
        let rows = self.0.entry(TypeId::of::<R>()).or_insert_with(|| Box::new(Vec::<R>::new()));
        rows.downcast_mut().expect("rows are stored under their type")
    }

    /// # Panics
    /// If a row does not match the schema.
    fn add<R: Row>(&mut self, found: Vec<Value>) {
        let row = |row: Value| serde_json::from_value(row.clone()).unwrap_or_else(|error| panic!("{error}: {row}"));
        self.rows_mut::<R>().extend(found.into_iter().map(row));
    }

    /// The events whose names start like this, by aggregate and version.
    pub(crate) fn events(&self, prefix: &str) -> Groups<'_, Uuid, Event> {
        let mut events =
            group(self.rows::<Event>(), |event| event.name.starts_with(prefix).then_some(event.aggregate_id));
        events.values_mut().for_each(|events| events.sort_by_key(|event| event.aggregate_version));
        events
    }

    /// The stored answers of a use case, as JSON.
    pub(crate) fn answers(&self, use_case: &str) -> impl Iterator<Item = Value> {
        let rows = self.rows::<KeyRow>().iter().filter(move |row| row.use_case == use_case);
        rows.map(KeyRow::parsed)
    }
}

/// Rows by their owner.
pub(crate) type Groups<'s, K, T> = BTreeMap<K, Vec<&'s T>>;

pub(crate) fn group<'s, T, K: Ord>(rows: &'s [T], key: impl Fn(&'s T) -> Option<K>) -> Groups<'s, K, T> {
    let mut groups: Groups<'s, K, T> = BTreeMap::new();
    for row in rows {
        if let Some(key) = key(row) {
            groups.entry(key).or_default().push(row);
        }
    }
    groups
}

/// The rows of an owner.
pub(crate) fn of<'g, 's, K: Ord, T>(groups: &'g Groups<'s, K, T>, owner: &K) -> &'g [&'s T] {
    groups.get(owner).map(Vec::as_slice).unwrap_or_default()
}

/// A JSON text as a value, or null if it is not JSON. No expected value is null.
pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The id in a member of a JSON value, or the nil id if it is missing.
pub(crate) fn id_at(value: &Value, name: &str) -> Uuid {
    value[name].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// An event of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Event {
    /// The primary key.
    pub(crate) id: Uuid,
    /// The wire name, such as `ordering.order_placed.v1`.
    pub(crate) name: String,
    /// The order or product that changed.
    pub(crate) aggregate_id: Uuid,
    /// The version of the aggregate after the change.
    pub(crate) aggregate_version: i64,
    /// The details, a JSON text.
    pub(crate) payload: String,
}

impl Row for Event {
    const TABLE: Table =
        Table::new::<Self>("outbox", &["id", "aggregate_id"], &["name", "aggregate_version", "payload"]);
}

/// A mail that the mail server has got. It is no row of the store, and is counted before and after the store is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The start of its `Message-ID`.
    pub(crate) key: String,
    /// How often it had come before the store was read.
    pub(crate) before: u32,
    /// How often it had come after that.
    pub(crate) after: u32,
}

/// An idempotency key with the stored answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct KeyRow {
    /// The user that sent the command.
    pub(crate) principal: Uuid,
    /// The name of the command, such as `ordering.place_order`.
    pub(crate) use_case: String,
    /// The value of the `Idempotency-Key` header.
    pub(crate) key: String,
    /// The answer, a JSON text. Every committed unit sets it. The answers of a campaign are too short to be compressed.
    pub(crate) answer: Option<String>,
}

impl Row for KeyRow {
    const TABLE: Table = Table::new::<Self>("idempotency_keys", &["principal"], &["use_case", "key", "answer"]);
}

impl KeyRow {
    /// The answer, or null if the row has no answer.
    pub(crate) fn parsed(&self) -> Value {
        self.answer.as_deref().map(parsed).unwrap_or_default()
    }
}
