//! The limit of MongoDB alone: the writes of an order in a transaction, sent by the driver from a plain loop.

use super::{super::Fault, Looped};
use mongodb::{
    Client, ClientSession, Database,
    bson::{self, Binary, Bson, DateTime, Document, doc, spec::BinarySubtype},
    options::{Acknowledgment, ClientOptions, ReadConcern, WriteConcern},
};
use rand::RngExt as _;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

const LINES: u64 = 3;
const AT_ONCE: u64 = 10_000;

fn id(number: u128) -> Bson {
    bson::Uuid::from_bytes(number.to_be_bytes()).into()
}

/// Creates the stock levels of this many products.
pub(super) fn fill(address: &str, products: u64) -> Result<(), Fault> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let client = Client::with_uri_str(address).await?;
        let levels = client.default_database().ok_or("no database")?.collection::<Document>("stock_levels");
        let now = DateTime::now();
        for first in (0..products).step_by(usize::try_from(AT_ONCE)?) {
            let numbers = first..(first + AT_ONCE).min(products);
            let level = |number: u64| {
                doc! { "_id": id(number.into()), "on_hand": 100_000_000_i64, "reserved": 0_i64, "updated_at": now, "version": 1_i64 }
            };
            levels.insert_many(numbers.map(level)).await?;
        }
        Ok(())
    })
}

/// Places orders from one task per connection.
pub(super) fn orders(address: &str, products: u64, connections: u32, time: Duration) -> Result<Looped, Fault> {
    let before = super::super::process::cpu(std::process::id())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (rounds, took) = runtime.block_on(async {
        let mut options = ClientOptions::parse(address).await?;
        options.max_pool_size = Some(connections);
        options.max_connecting = Some(8);
        let client = Client::with_options(options)?;
        let database = client.default_database().ok_or("no database")?;
        let (next, start) = (Arc::new(AtomicU64::new(1)), Instant::now());
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let (client, database, next) = (client.clone(), database.clone(), next.clone());
            tasks.spawn(async move {
                let mut session = client.start_session().await?;
                let mut rounds = 0_u64;
                while start.elapsed() < time {
                    let order = Order::draw(next.fetch_add(1, Ordering::Relaxed), products);
                    while !order.place(&database, &mut session).await? {}
                    rounds += 1;
                }
                Ok::<_, mongodb::error::Error>(rounds)
            });
        }
        let mut rounds = 0;
        while let Some(done) = tasks.join_next().await {
            rounds += done??;
        }
        Ok::<_, Fault>((rounds, start.elapsed()))
    })?;
    super::summary(rounds, took, before)
}

struct Order {
    number: u128,
    key: String,
    products: Vec<u128>,
}

impl Order {
    fn draw(number: u64, products: u64) -> Self {
        let first = rand::rng().random_range(0..products);
        // The products are far apart, and different if there are enough.
        let at = |nth: u64| u128::from((first + nth * (products / LINES).max(1)) % products);
        let bits = u128::from(rand::random::<u64>());
        let key = uuid::Uuid::from_u128(rand::random()).to_string();
        Self { number: u128::from(number) << 64 | bits, key, products: (0..LINES).map(at).collect() }
    }

    /// Returns `false` if the order conflicted with another one and must be tried again.
    async fn place(&self, database: &Database, session: &mut ClientSession) -> mongodb::error::Result<bool> {
        let majority = WriteConcern::builder().w(Acknowledgment::Majority).build();
        session.start_transaction().read_concern(ReadConcern::snapshot()).write_concern(majority).await?;
        let done = self.write(database, session).await;
        let done = match done {
            Ok(()) => session.commit_transaction().await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => Ok(true),
            Err(error) if error.contains_label(mongodb::error::TRANSIENT_TRANSACTION_ERROR) => {
                // The server may have ended it already.
                let _ = session.abort_transaction().await;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn write(&self, database: &Database, session: &mut ClientSession) -> mongodb::error::Result<()> {
        let now = DateTime::now();
        let (order, customer) = (id(self.number), id(7));
        let key = doc! { "principal": customer.clone(), "use_case": "ordering.place_order", "key": &self.key };
        let fingerprint = Binary { subtype: BinarySubtype::Generic, bytes: vec![9; 32] };
        let claim = doc! {
            "_id": key.clone(), "fingerprint": fingerprint, "answer": Bson::Null, "created_at": now, "expires_at": now,
        };
        let money = doc! { "amount": 100_i64, "currency": "EUR" };
        let line = |product: &u128| {
            doc! {
                "product_id": id(*product), "sku": "BENCH-000000001", "name": "Linden honey 000000001, 250 g",
                "quantity": 1_i64, "unit_price": money.clone(), "total": money.clone(),
            }
        };
        let lines: Vec<Document> = self.products.iter().map(line).collect();
        let number = format!("{:x}", self.number);
        let placed = doc! {
            "_id": order.clone(), "number": number, "customer_id": customer.clone(), "lines": lines,
            "total": money.clone(), "order_state": "placed", "payment_state": "unpaid",
            "fulfilment_state": "unfulfilled", "created_at": now, "updated_at": now, "version": 1_i64,
            "line_count": 3_i64,
        };
        let level = |product: &u128| {
            let change = doc! { "$inc": { "reserved": 1_i64, "version": 1_i64 }, "$set": { "updated_at": now } };
            doc! { "q": { "_id": id(*product) }, "u": change }
        };
        let levels: Vec<Document> = self.products.iter().map(level).collect();
        let nth = |nth: usize| id(self.number.wrapping_add(1 + nth as u128));
        let reservation = |(at, product): (usize, &u128)| {
            doc! {
                "_id": nth(at), "order_id": order.clone(), "product_id": id(*product), "quantity": 1_i64,
                "state": "active", "expires_at": Bson::Null, "created_at": now, "ended_at": Bson::Null,
            }
        };
        let reservations: Vec<Document> = self.products.iter().enumerate().map(reservation).collect();
        let movement = |(at, product): (usize, &u128)| {
            doc! {
                "_id": nth(at), "product_id": id(*product), "kind": "reserved", "on_hand_delta": 0_i64,
                "reserved_delta": 1_i64, "order_id": order.clone(), "created_at": now,
            }
        };
        let movements: Vec<Document> = self.products.iter().enumerate().map(movement).collect();
        let event = doc! {
            "_id": order.clone(), "name": "ordering.order_placed.v1", "aggregate_id": order.clone(),
            "aggregate_version": 1_i64, "actor_id": customer, "impersonator_id": Bson::Null,
            "request_id": "01a9d3c5a0070008000000000000001a", "traceparent": Bson::Null, "occurred_at": now,
            "payload": "p".repeat(420),
        };
        let filled = doc! { "q": { "_id": key }, "u": { "$set": { "answer": "a".repeat(1_000) } } };
        let commands = [
            doc! { "insert": "idempotency_keys", "documents": [claim] },
            doc! { "insert": "orders", "documents": [placed] },
            doc! { "update": "stock_levels", "updates": levels },
            doc! { "insert": "reservations", "documents": reservations },
            doc! { "insert": "stock_movements", "documents": movements },
            doc! { "insert": "outbox", "documents": [event] },
            doc! { "update": "idempotency_keys", "updates": [filled] },
        ];
        for command in commands {
            database.run_command(command).session(&mut *session).await?;
        }
        Ok(())
    }
}
