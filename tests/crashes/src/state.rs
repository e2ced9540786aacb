//! The rows of a store, in the same form for every store.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

/// All rows of a store that belong to orders, read in one snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The orders without their lines.
    pub orders: Vec<Order>,
    /// The lines of all orders.
    pub lines: Vec<Line>,
    /// Claims of orders on stock.
    pub reservations: Vec<Reservation>,
    /// The stock of each product.
    pub levels: Vec<Level>,
    /// The stock ledger.
    pub movements: Vec<Movement>,
    /// The outbox.
    pub events: Vec<Event>,
    /// The idempotency keys with the stored answers.
    pub keys: Vec<KeyRow>,
}

/// A row of the orders, without the lines.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Order {
    /// The primary key.
    pub id: Uuid,
    /// The order number that users see.
    pub number: String,
    /// The user that placed it.
    pub customer_id: Uuid,
    /// `open` or `cancelled`.
    pub order_state: String,
    /// The sum of its lines, in minor units.
    pub total_amount: i64,
    /// The currency of all its amounts.
    pub currency: String,
    /// Counts its changes, from 1.
    pub version: i64,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// The order that it belongs to.
    pub order_id: Uuid,
    /// The product that was ordered.
    pub product_id: Uuid,
    /// The SKU when the order was placed.
    pub sku: String,
    /// The number of pieces.
    pub quantity: i64,
    /// The price of one piece when the order was placed, in minor units.
    pub unit_price: i64,
    /// `quantity` times `unit_price`.
    pub total: i64,
}

/// A claim of an order on pieces of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reservation {
    /// The order that it belongs to.
    pub order_id: Uuid,
    /// The product that is reserved.
    pub product_id: Uuid,
    /// The number of pieces.
    pub quantity: i64,
    /// `active`, or the way in which it ended.
    pub state: String,
    /// When it ended, in milliseconds since 1970.
    pub ended_at: Option<i64>,
}

/// The stock of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Level {
    /// The product, which is also the primary key.
    pub product_id: Uuid,
    /// Pieces in the warehouse.
    pub on_hand: i64,
    /// Pieces that open orders claim.
    pub reserved: i64,
    /// Counts its changes, from 1.
    pub version: i64,
}

/// A row of the stock ledger.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Movement {
    /// The product whose stock changed.
    pub product_id: Uuid,
    /// `adjustment`, `allocation` or `release`.
    pub kind: String,
    /// By how much `on_hand` changed.
    pub on_hand_delta: i64,
    /// By how much `reserved` changed.
    pub reserved_delta: i64,
    /// The order that caused it. An adjustment has none.
    pub order_id: Option<Uuid>,
}

/// An event of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// The wire name, such as `ordering.order_placed.v1`.
    pub name: String,
    /// The order or product that changed.
    pub aggregate_id: Uuid,
    /// The version of the aggregate after the change.
    pub aggregate_version: i64,
    /// The details, a JSON text.
    pub payload: String,
}

/// An idempotency key with the stored answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KeyRow {
    /// The user that sent the command.
    pub principal: Uuid,
    /// The name of the command, such as `ordering.place_order`.
    pub use_case: String,
    /// The value of the `Idempotency-Key` header.
    pub key: String,
    /// The answer, a JSON text. Every committed unit sets it.
    pub answer: Option<String>,
}

/// A table and the columns to read from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Columns with ids.
    pub(crate) ids: &'static [&'static str],
    /// Columns with texts and numbers.
    pub(crate) values: &'static [&'static str],
}

/// The tables, in the order that [`State::read`] expects.
pub(crate) const TABLES: [Table; 7] = [
    Table {
        name: "orders",
        ids: &["id", "customer_id"],
        values: &["number", "order_state", "total_amount", "currency", "version"],
    },
    Table {
        name: "order_lines",
        ids: &["order_id", "product_id"],
        values: &["sku", "quantity", "unit_price", "total"],
    },
    Table { name: "reservations", ids: &["order_id", "product_id"], values: &["quantity", "state", "ended_at"] },
    Table { name: "stock_levels", ids: &["product_id"], values: &["on_hand", "reserved", "version"] },
    Table {
        name: "stock_movements",
        ids: &["product_id", "order_id"],
        values: &["kind", "on_hand_delta", "reserved_delta"],
    },
    Table { name: "outbox", ids: &["aggregate_id"], values: &["name", "aggregate_version", "payload"] },
    Table { name: "idempotency_keys", ids: &["principal"], values: &["use_case", "key", "answer"] },
];

impl State {
    /// Parses the rows of the tables. Each row is a JSON object with a member per column.
    ///
    /// # Panics
    /// If a row does not match the schema.
    pub(crate) fn read(tables: [Vec<Value>; 7]) -> Self {
        let [orders, lines, reservations, levels, movements, events, keys] = tables;
        Self {
            orders: rows(orders),
            lines: rows(lines),
            reservations: rows(reservations),
            levels: rows(levels),
            movements: rows(movements),
            events: rows(events),
            keys: rows(keys),
        }
    }
}

fn rows<T: DeserializeOwned>(found: Vec<Value>) -> Vec<T> {
    let row = |row: Value| serde_json::from_value(row.clone()).unwrap_or_else(|error| panic!("{error}: {row}"));
    found.into_iter().map(row).collect()
}
