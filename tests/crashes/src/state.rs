//! What a store holds, row by row, the same for every store.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

/// Everything in a store that has to do with orders, read at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Orders.
    pub orders: Vec<Order>,
    /// Their lines.
    pub lines: Vec<Line>,
    /// Claims of orders on stock.
    pub reservations: Vec<Reservation>,
    /// How much there is of each product.
    pub levels: Vec<Level>,
    /// The ledger of the stock.
    pub movements: Vec<Movement>,
    /// The outbox.
    pub events: Vec<Event>,
    /// What was answered to commands with a key.
    pub keys: Vec<KeyRow>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Order {
    /// The identifier.
    pub id: Uuid,
    /// The number for people.
    pub number: String,
    /// Who placed it.
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
    /// The order.
    pub order_id: Uuid,
    /// The product.
    pub product_id: Uuid,
    /// The code of the product then.
    pub sku: String,
    /// The number of pieces.
    pub quantity: i64,
    /// What one piece cost then, in minor units.
    pub unit_price: i64,
    /// `quantity` times `unit_price`.
    pub total: i64,
}

/// A claim of an order on pieces of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reservation {
    /// The order.
    pub order_id: Uuid,
    /// The product.
    pub product_id: Uuid,
    /// The number of pieces.
    pub quantity: i64,
    /// `active`, or how it ended.
    pub state: String,
    /// When it ended, in milliseconds since 1970.
    pub ended_at: Option<i64>,
}

/// How much there is of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Level {
    /// The product.
    pub product_id: Uuid,
    /// Pieces in the house.
    pub on_hand: i64,
    /// Pieces that orders claim.
    pub reserved: i64,
    /// Counts its changes, from 1.
    pub version: i64,
}

/// A row of the ledger of the stock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Movement {
    /// The product.
    pub product_id: Uuid,
    /// Why.
    pub kind: String,
    /// By how much `on_hand` changed.
    pub on_hand_delta: i64,
    /// By how much `reserved` changed.
    pub reserved_delta: i64,
    /// The order it was for, if it was for one.
    pub order_id: Option<Uuid>,
}

/// An event of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// What happened.
    pub name: String,
    /// To what.
    pub aggregate_id: Uuid,
    /// Which version of it came out.
    pub aggregate_version: i64,
    /// The details, a JSON text.
    pub payload: String,
}

/// What was answered to a command with a key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KeyRow {
    /// Who sent it.
    pub principal: Uuid,
    /// The command.
    pub use_case: String,
    /// The key.
    pub key: String,
    /// The answer, a JSON text; a unit that was committed has filled it.
    pub answer: Option<String>,
}

/// A table, and the columns of it that are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    /// The name.
    pub(crate) name: &'static str,
    /// Columns with ids.
    pub(crate) ids: &'static [&'static str],
    /// Columns with texts and numbers.
    pub(crate) values: &'static [&'static str],
}

/// The tables, in the order of [`State::read`].
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
    /// Puts the rows of the tables together; each row is a JSON object by column.
    ///
    /// # Panics
    /// A row is not what the schema says.
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
