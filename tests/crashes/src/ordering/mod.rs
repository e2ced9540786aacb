//! Buyers place and cancel orders.

mod check;
#[cfg(test)]
mod tests;

use crate::{
    catalog::basket,
    context::{Checks, Choice, Command, Context},
    load::Worker,
    state::{Row, State, Table, row},
};
use rand::{RngExt as _, rngs::StdRng};
use serde::Deserialize;
use serde_json::{Value, json};
use skep_journeys::{Answer, Call, Client};
use std::sync::Arc;
use uuid::Uuid;

const ORDERS: &str = "/api/v1/orders";
const PLACED: &str = "ordering.place_order";
const CANCELLED: &str = "ordering.cancel_order";

/// A row of the orders, without the lines.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Order {
    /// The primary key.
    id: Uuid,
    /// The order number that users see.
    number: String,
    /// The user that placed it.
    customer_id: Uuid,
    /// `open` or `cancelled`.
    order_state: String,
    /// The sum of its lines, in minor units.
    total_amount: i64,
    /// The currency of all its amounts.
    currency: String,
    /// Counts its changes, from 1.
    version: i64,
}

impl Row for Order {
    const TABLE: Table = Table {
        rows: |document| vec![order(document)],
        ..Table::new::<Self>(
            "orders",
            &["id", "customer_id"],
            &["number", "order_state", "total_amount", "currency", "version"],
        )
    };
}

fn order(document: Value) -> Value {
    let mut order = row(document, "id");
    let total = order["total"].take();
    order["total_amount"] = total["amount"].clone();
    order["currency"] = total["currency"].clone();
    order
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Line {
    /// The order that it belongs to.
    order_id: Uuid,
    /// The product that was ordered.
    product_id: Uuid,
    /// The SKU when the order was placed.
    sku: String,
    /// The number of pieces.
    quantity: i64,
    /// The price of one piece when the order was placed, in minor units.
    unit_price: i64,
    /// `quantity` times `unit_price`.
    total: i64,
}

impl Row for Line {
    const TABLE: Table = Table {
        collection: "orders",
        rows: lines,
        ..Table::new::<Self>("order_lines", &["order_id", "product_id"], &["sku", "quantity", "unit_price", "total"])
    };
}

fn lines(order: Value) -> Vec<Value> {
    let line = |line: &Value| {
        json!({
            "order_id": order["_id"],
            "product_id": line["product_id"],
            "sku": line["sku"],
            "quantity": line["quantity"],
            "unit_price": line["unit_price"]["amount"],
            "total": line["total"]["amount"],
        })
    };
    order["lines"].as_array().into_iter().flatten().map(line).collect()
}

/// Places an order of these products, each named once, with the number of pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place(Vec<(Uuid, i64)>);

impl Command for Place {
    fn use_case(&self) -> &'static str {
        PLACED
    }

    fn things(&self) -> &'static str {
        "orders"
    }

    fn call<'c>(&self, client: &'c Client) -> Call<'c> {
        let lines = self.0.iter().map(|(product, count)| json!({ "product_id": product, "quantity": count }));
        client.post(ORDERS).json(json!({ "lines": lines.collect::<Vec<_>>() }))
    }

    fn made(&self, answer: &Answer) -> Option<(&'static str, Uuid)> {
        Some(("orders", answer.text("/id").parse().expect("an id")))
    }
}

/// Cancels the order with this id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cancel(Uuid);

impl Command for Cancel {
    fn use_case(&self) -> &'static str {
        CANCELLED
    }

    fn things(&self) -> &'static str {
        "cancellations"
    }

    fn call<'c>(&self, client: &'c Client) -> Call<'c> {
        client.post(format!("{ORDERS}/{}/cancel", self.0))
    }
}

/// Chooses one of the sender's orders, which it cancels only once.
fn cancel(worker: &mut Worker<'_>, rng: &mut StdRng) -> Option<Arc<dyn Command>> {
    let orders = worker.ids.get_mut("orders").filter(|orders| !orders.is_empty())?;
    Some(Arc::new(Cancel(orders.swap_remove(rng.random_range(0..orders.len())))))
}

/// The context of orders.
pub(crate) struct Ordering;

impl Context for Ordering {
    fn name(&self) -> &'static str {
        "ordering"
    }

    fn tables(&self) -> &'static [Table] {
        &[Order::TABLE, Line::TABLE]
    }

    fn choices(&self) -> &'static [Choice] {
        &[
            Choice { share: 15, choose: cancel },
            Choice { share: 75, choose: |worker, rng| Some(Arc::new(Place(basket(&worker.shop.ids, rng)))) },
        ]
    }

    fn refusals(&self) -> &'static [&'static str] {
        &["409 insufficient_stock"]
    }

    fn lists(&self) -> &'static [&'static str] {
        &["/api/v1/orders?count=exact"]
    }

    fn checks<'s>(&self, state: &'s State) -> Box<dyn Checks + 's> {
        Box::new(check::Orders::of(state))
    }
}
