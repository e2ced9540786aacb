//! How many units of work a second, with and without group commit: `cargo run --release -p skep-sqlite --example
//! units_per_second [folder]`. Nine statements a unit, `synchronous=FULL`, on the disk of the folder (default: the
//! current one).

use skep_application::kernel::{StoreError, TxMode};
use skep_domain::shared::Timestamp;
use skep_sql::{Kind, Sql, SqlDatabase, SqlTransaction, Statement, Value};
use skep_sqlite::{SqliteDatabase, SqliteOptions};
use std::{
    borrow::Cow,
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

const SCHEMA: &str = "
    CREATE TABLE products (id INTEGER PRIMARY KEY, price INTEGER NOT NULL, stock INTEGER NOT NULL) STRICT;
    CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER NOT NULL) STRICT;
    CREATE TABLE lines (order_id INTEGER NOT NULL, position INTEGER NOT NULL, product_id INTEGER NOT NULL,
        PRIMARY KEY (order_id, position)) STRICT, WITHOUT ROWID;
    CREATE TABLE keys (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL) STRICT;
    CREATE TABLE events (id INTEGER PRIMARY KEY, payload TEXT NOT NULL) STRICT;
    WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 999)
        INSERT INTO products SELECT n, 100, 1000000000 FROM numbers;";

const fn statement(text: &'static str, params: &'static [Kind], columns: &'static [Kind]) -> Statement {
    Statement { name: "example", sql: Sql::Both(Cow::Borrowed(text)), params, columns, batch: false }
}

static KEY: Statement = statement("INSERT INTO keys (id, fingerprint) VALUES ($1, $2)", &[Kind::Int, Kind::Text], &[]);
static PRICE: Statement = statement("SELECT price FROM products WHERE id = $1", &[Kind::Int], &[Kind::Int]);
static ORDER: Statement = statement("INSERT INTO orders (id, total) VALUES ($1, $2)", &[Kind::Int, Kind::Int], &[]);
static LINE: Statement = statement(
    "INSERT INTO lines (order_id, position, product_id) VALUES ($1, $2, $3)",
    &[Kind::Int, Kind::Int, Kind::Int],
    &[],
);
static STOCK: Statement =
    statement("UPDATE products SET stock = stock - 1 WHERE id = $1 AND stock > 0", &[Kind::Int], &[]);
static EVENT: Statement = statement("INSERT INTO events (id, payload) VALUES ($1, $2)", &[Kind::Int, Kind::Text], &[]);

/// Nine statements, like an order of two lines.
async fn place(tx: &mut dyn SqlTransaction, id: i64) -> Result<(), StoreError> {
    tx.execute(&KEY, vec![id.into(), "fingerprint".into()]).await?;
    let (first, second) = (id % 1000, (id + 1) % 1000);
    tx.query(&PRICE, vec![first.into()]).await?;
    tx.query(&PRICE, vec![second.into()]).await?;
    tx.execute(&ORDER, vec![id.into(), 200_i64.into()]).await?;
    for (position, product) in [(0_i64, first), (1, second)] {
        tx.execute(&LINE, vec![id.into(), position.into(), product.into()]).await?;
        tx.execute(&STOCK, vec![product.into()]).await?;
    }
    tx.execute(&EVENT, vec![id.into(), Value::from("{\"type\":\"ordering.order_placed.v1\"}")]).await?;
    Ok(())
}

async fn measure(folder: PathBuf, tasks: usize, group_size: usize, time: Duration) -> Result<f64, StoreError> {
    let mut options = SqliteOptions::new(folder.join(format!("units-{tasks}-{group_size}.db")));
    options.group_size = group_size;
    let db = SqliteDatabase::open(options)?;
    db.schema().await?.apply(1, "example", SCHEMA, Timestamp::MIN).await?;
    let next = Arc::new(AtomicI64::new(1));
    let start = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let (db, next) = (db.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while start.elapsed() < time {
                    let begun = Instant::now();
                    let mut tx = db.begin(TxMode::Write, &[]).await?;
                    place(&mut *tx, next.fetch_add(1, Ordering::Relaxed)).await?;
                    tx.commit().await?;
                    latencies.push(begun.elapsed());
                }
                Ok::<_, StoreError>(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in running {
        latencies.extend(task.await.map_err(|error| StoreError::Unavailable(error.into()))??);
    }
    let rate = latencies.len() as f64 / start.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |share: usize| latencies.get(latencies.len() * share / 100).copied().unwrap_or_default();
    db.close().await;
    let stats = db.stats();
    say(&format!(
        "{tasks:3} tasks, groups of up to {group_size:2}: {rate:6.0} units/s, {:4.1} units a commit, p50 {:?}, p99 {:?}\n",
        stats.units as f64 / stats.commits as f64,
        at(50),
        at(99),
    ));
    Ok(rate)
}

fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let folder = folder.join(format!("units-per-second-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let time = Duration::from_secs(3);
    let alone = measure(folder.clone(), 32, 1, time).await;
    let grouped = measure(folder.clone(), 32, 64, time).await;
    for tasks in [1, 64] {
        measure(folder.clone(), tasks, 64, time).await?;
    }
    std::fs::remove_dir_all(&folder)?;
    say(&format!("with 32 tasks, {:.1} times as many with group commit\n", grouped? / alone?));
    Ok(())
}
