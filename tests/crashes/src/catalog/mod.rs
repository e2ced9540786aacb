//! An admin counts stock.

mod check;

use crate::{
    context::{Checks, Choice, Command, Context, Ids},
    load::Worker,
    state::{Row, State, Table, row},
};
use rand::{RngExt as _, rngs::StdRng};
use serde::Deserialize;
use serde_json::json;
use skep_journeys::{Call, Client};
use std::sync::Arc;
use uuid::Uuid;

const PRODUCTS: &str = "/api/v1/products";
const COUNTED: &str = "catalog.set_stock";
/// The number of popular products, on which buyers wait for each other. They are the first ones.
const HOT: usize = 2;
/// The index of the product that often runs out.
const SCARCE: usize = HOT;
const COUNT: usize = 12;
/// More pieces than any campaign sells.
const PLENTY: i64 = 100_000_000;

/// A claim of an order on pieces of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Reservation {
    /// The order that it belongs to.
    pub(crate) order_id: Uuid,
    /// The product that is reserved.
    pub(crate) product_id: Uuid,
    /// The number of pieces.
    pub(crate) quantity: i64,
    /// `active`, or the way in which it ended.
    pub(crate) state: String,
    /// When it ended, in milliseconds since 1970.
    pub(crate) ended_at: Option<i64>,
}

impl Row for Reservation {
    const TABLE: Table =
        Table::new::<Self>("reservations", &["order_id", "product_id"], &["quantity", "state", "ended_at"]);
}

/// The stock of a product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Level {
    /// The product, which is also the primary key.
    pub(crate) product_id: Uuid,
    /// Pieces in the warehouse.
    pub(crate) on_hand: i64,
    /// Pieces that open orders claim.
    pub(crate) reserved: i64,
    /// Counts its changes, from 1.
    pub(crate) version: i64,
}

impl Row for Level {
    const TABLE: Table = Table {
        rows: |document| vec![row(document, "product_id")],
        ..Table::new::<Self>("stock_levels", &["product_id"], &["on_hand", "reserved", "version"])
    };
}

/// A row of the stock ledger.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Movement {
    /// The product whose stock changed.
    pub(crate) product_id: Uuid,
    /// `adjustment`, `allocation` or `release`.
    pub(crate) kind: String,
    /// By how much `on_hand` changed.
    pub(crate) on_hand_delta: i64,
    /// By how much `reserved` changed.
    pub(crate) reserved_delta: i64,
    /// The order that caused it. An adjustment has none.
    pub(crate) order_id: Option<Uuid>,
}

impl Row for Movement {
    const TABLE: Table = Table::new::<Self>(
        "stock_movements",
        &["product_id", "order_id"],
        &["kind", "on_hand_delta", "reserved_delta"],
    );
}

/// Sets the number of pieces of a product on hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SetStock(pub(crate) Uuid, pub(crate) i64);

impl Command for SetStock {
    fn use_case(&self) -> &'static str {
        COUNTED
    }

    fn things(&self) -> &'static str {
        "stock counts"
    }

    fn is_by_admin(&self) -> bool {
        true
    }

    fn call<'c>(&self, client: &'c Client) -> Call<'c> {
        let Self(product, on_hand) = self;
        client.put(format!("{PRODUCTS}/{product}/stock")).if_match("*").json(json!({ "on_hand": on_hand }))
    }
}

/// Chooses a product and a new count of its pieces.
fn count(worker: &mut Worker<'_>, rng: &mut StdRng) -> Option<Arc<dyn Command>> {
    let n = rng.random_range(0..COUNT);
    let product = worker.shop.ids["products"][n.max(SCARCE)];
    if n > SCARCE {
        return Some(Arc::new(SetStock(product, PLENTY + rng.random_range(0..1_000))));
    }
    // A few more than are reserved. A faster buyer may reserve more, and then the count is refused.
    let stock = worker.admin.get(format!("{PRODUCTS}/{product}/stock"));
    let stock = worker.admin.connect().ok()?.exchange(&stock.bytes()).ok()?;
    // An unavailable store cannot answer.
    let reserved = if stock.status == 200 { stock.number("/reserved") } else { 0 };
    Some(Arc::new(SetStock(product, reserved + rng.random_range(0..15))))
}

/// A random basket of one to three products, half of them popular.
pub(crate) fn basket(ids: &Ids, rng: &mut StdRng) -> Vec<(Uuid, i64)> {
    let (products, mut lines) = (&ids["products"], Vec::<(Uuid, i64)>::new());
    for _ in 0..rng.random_range(1..=3) {
        let product = products[if rng.random() { rng.random_range(0..HOT) } else { rng.random_range(HOT..COUNT) }];
        if lines.iter().all(|(known, _)| *known != product) {
            lines.push((product, rng.random_range(1..=3)));
        }
    }
    lines
}

/// The context of products and stock.
pub(crate) struct Catalog;

impl Context for Catalog {
    fn name(&self) -> &'static str {
        "catalog"
    }

    fn tables(&self) -> &'static [Table] {
        &[Reservation::TABLE, Level::TABLE, Movement::TABLE]
    }

    #[track_caller]
    fn open(&self, admin: &Client, ids: &mut Ids) {
        let product = |n: usize| {
            let price = json!({ "amount": 100 + n, "currency": "EUR" });
            let stock = if n == SCARCE { 20 } else { PLENTY };
            let body =
                json!({ "sku": format!("SKU-{n}"), "name": format!("Honey {n}"), "price": price, "stock": stock });
            let answer = admin.post(PRODUCTS).json(body).send().expect(201);
            answer.text("/id").parse().expect("an id")
        };
        ids.insert("products", (0..COUNT).map(product).collect());
    }

    fn choices(&self) -> &'static [Choice] {
        &[Choice { share: 10, choose: count }]
    }

    fn refusals(&self) -> &'static [&'static str] {
        &["409 stock_below_reserved"]
    }

    fn lists(&self) -> &'static [&'static str] {
        &["/api/v1/products?sort=name&limit=100"]
    }

    fn checks<'s>(&self, state: &'s State) -> Box<dyn Checks + 's> {
        Box::new(check::Stock::of(state))
    }
}
