//! Measures units of work of nine statements, as an order is one, and the same nine statements by `pgbench` with as many
//! connections, in turns:
//!
//! `SKEP_TEST_POSTGRES_URL=… cargo run --release -p skep-postgres --example units_per_second [seconds] [rounds] [products]`
//!
//! With one product (of 10,000) every unit wants the same row. Makes and drops a database of its own.
#![expect(clippy::print_stdout, reason = "its result is text for a person")]

use skep_application::kernel::{StoreError, TxMode};
use skep_postgres::{PostgresDatabase, PostgresOptions};
use skep_sql::{Kind, Row, Sql, SqlDatabase, Statement, Value};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::{
    env,
    error::Error,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

const TASKS: usize = 64;
const CONNECTIONS: u32 = 32;

const TABLES: &str = "
    CREATE TABLE keys (key BIGINT PRIMARY KEY, answer TEXT);
    CREATE TABLE products (id BIGINT PRIMARY KEY, name TEXT, price BIGINT);
    CREATE TABLE stock (product BIGINT PRIMARY KEY, on_hand BIGINT, reserved BIGINT);
    CREATE TABLE reservations (id BIGINT PRIMARY KEY, product BIGINT, quantity BIGINT);
    CREATE TABLE orders (id BIGINT PRIMARY KEY, total BIGINT);
    CREATE TABLE order_lines (order_id BIGINT, product BIGINT, quantity BIGINT, PRIMARY KEY (order_id, product));
    CREATE TABLE outbox (id BIGINT PRIMARY KEY, payload TEXT);
    INSERT INTO products SELECT n, 'product ' || n, n FROM generate_series(1, 10000) n;
    INSERT INTO stock SELECT n, 1000000, 0 FROM generate_series(1, 10000) n;
    ANALYZE;";

/// `$1` is the id of the order and of everything made with it, `$2` the product.
const SQL: [&str; 9] = [
    "INSERT INTO keys (key) VALUES ($1)",
    "SELECT name, price FROM products WHERE id = $2",
    "SELECT on_hand, reserved FROM stock WHERE product = $2 FOR UPDATE",
    "UPDATE stock SET reserved = reserved + 1 WHERE product = $2",
    "INSERT INTO reservations (id, product, quantity) VALUES ($1, $2, 1)",
    "INSERT INTO orders (id, total) VALUES ($1, 100)",
    "INSERT INTO order_lines (order_id, product, quantity) VALUES ($1, $2, 1)",
    "INSERT INTO outbox (id, payload) VALUES ($1, '{\"order\": 1}')",
    "UPDATE keys SET answer = 'done' WHERE key = $1",
];

struct Step {
    statement: &'static Statement,
    order: bool,
    product: bool,
}

fn steps() -> Vec<Step> {
    let step = |sql: &'static str| {
        let (order, product) = (sql.contains("$1"), sql.contains("$2"));
        let text = if order { sql.to_owned() } else { sql.replace("$2", "$1") };
        let columns: &[Kind] = match sql.split_whitespace().nth(1) {
            Some("name,") => &[Kind::Text, Kind::Int],
            Some("on_hand,") => &[Kind::Int, Kind::Int],
            _ => &[],
        };
        let params: &[Kind] = if order && product { &[Kind::Int, Kind::Int] } else { &[Kind::Int] };
        let name = "measure.unit.step";
        let statement = Statement { name, sql: Sql::Both(text.into()), params, columns, batch: false };
        Step { statement: Box::leak(Box::new(statement)), order, product }
    };
    SQL.into_iter().map(step).collect()
}

async fn unit(database: &PostgresDatabase, steps: &[Step], order: i64, product: i64) -> Result<(), StoreError> {
    let mut tx = database.begin(TxMode::Write, &[]).await?;
    for step in steps {
        let args = [(step.order, order), (step.product, product)];
        let args = args.into_iter().filter(|(used, _)| *used).map(|(_, value)| Value::Int(value)).collect();
        if step.statement.columns.is_empty() {
            tx.execute(step.statement, args).await?;
        } else {
            let rows: Vec<Row> = tx.query(step.statement, args).await?;
            assert_eq!(rows.len(), 1);
        }
    }
    tx.commit().await
}

async fn ours(database: &Arc<PostgresDatabase>, next: &Arc<AtomicI64>, products: i64, time: Duration) -> f64 {
    let steps = Arc::new(steps());
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (database, steps, next) = (Arc::clone(database), Arc::clone(&steps), Arc::clone(next));
        tasks.spawn(async move {
            let mut done = 0_u32;
            while started.elapsed() < time {
                let order = next.fetch_add(1, Ordering::Relaxed);
                unit(&database, &steps, order, rand::random_range(1..=products)).await.expect("the unit is stored");
                done += 1;
            }
            done
        });
    }
    let done: u32 = tasks.join_all().await.iter().sum();
    f64::from(done) / started.elapsed().as_secs_f64()
}

/// Transactions per second, as pgbench reports them; `None` without pgbench.
fn pgbench(url: &str, products: i64, time: Duration) -> Result<Option<f64>, Box<dyn Error>> {
    let mut script =
        format!("\\set order random({}, {})\n\\set product random(1, {products})\n", 1_i64 << 40, i64::MAX);
    script.push_str("BEGIN ISOLATION LEVEL READ COMMITTED;\n");
    for sql in SQL {
        script.push_str(&sql.replace("$1", ":order").replace("$2", ":product"));
        script.push_str(";\n");
    }
    script.push_str("COMMIT;\n");
    let file = env::temp_dir().join(format!("skep-units-{}.sql", std::process::id()));
    std::fs::write(&file, script)?;
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", &format!("--client={CONNECTIONS}")])
        .arg(format!("--time={}", time.as_secs()))
        .arg(format!("--file={}", file.display()))
        .arg(url)
        .output();
    std::fs::remove_file(&file)?;
    let Ok(output) = output else { return Ok(None) };
    let text = String::from_utf8(output.stdout)?;
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
    let rate = rate.ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(Some(rate.parse()?))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = env::var("SKEP_TEST_POSTGRES_URL")?;
    let mut numbers = env::args().skip(1).map(|text| text.parse::<u32>());
    let time = Duration::from_secs(numbers.next().transpose()?.unwrap_or(8).into());
    let rounds = numbers.next().transpose()?.unwrap_or(3);
    let products = numbers.next().transpose()?.unwrap_or(10_000).into();

    let name = format!("skep_test_{:032x}", rand::random::<u128>());
    let mut admin = PgConnection::connect(&server).await?;
    admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE template0"))).await?;
    let (base, _) = server.rsplit_once('/').ok_or("the address has no database")?;
    let done = measure(&format!("{base}/{name}"), products, time, rounds).await;
    admin.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await?;
    done
}

async fn measure(url: &str, products: i64, time: Duration, rounds: u32) -> Result<(), Box<dyn Error>> {
    let mut setup = PgConnection::connect(url).await?;
    sqlx::raw_sql(TABLES).execute(&mut setup).await?;
    let mut options = PostgresOptions::new(url);
    options.max_connections = CONNECTIONS;
    options.acquire_timeout = Duration::from_secs(10);
    let database = Arc::new(PostgresDatabase::connect(&options)?);
    let next = Arc::new(AtomicI64::new(1));
    ours(&database, &next, products, Duration::from_secs(1)).await;
    for _ in 0..rounds {
        let ours = ours(&database, &next, products, time).await;
        print!("{TASKS} tasks, {CONNECTIONS} connections: {ours:.0} units/s");
        match pgbench(url, products, time)? {
            Some(theirs) => println!("; pgbench: {theirs:.0}/s; ratio {:.2}", ours / theirs),
            None => println!("; no pgbench to compare with"),
        }
    }
    Ok(())
}
