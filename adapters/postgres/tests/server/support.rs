//! A database for each test, and helpers that make statements.

use skep_application::kernel::{Constraint, StoreError, TxMode};
use skep_postgres::{PostgresDatabase, PostgresOptions};
use skep_sql::{Declared, Kind, Row, SqlDatabase, SqlTransaction, Statement, Table, Value};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row as _};
use std::{
    env,
    fmt::Write as _,
    future::Future,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::{
    sync::Mutex,
    task::{LocalSet, spawn_local},
    time::{Instant, sleep},
};
use uuid::Uuid;

pub(crate) const ITEM_ID: Constraint = Constraint::new("items_pkey");
pub(crate) const ITEM_TEXT: Constraint = Constraint::new("items_text_key");

static ITEMS: LazyLock<Table<()>> = LazyLock::new(|| {
    Table::<()>::new("items", "test.item", ITEM_ID)
        .key("id", Kind::Int, |()| Value::Null)
        .column("text", Kind::Text, |()| Value::Null)
        .nullable()
        .unique(ITEM_TEXT, &["text"])
        .offers(&[])
});

/// The rules of [`TestDatabase::with_items`].
pub(crate) fn declared() -> Arc<Declared> {
    Arc::new(Declared::table(&ITEMS))
}

/// A database that exists for one test.
#[derive(Clone)]
pub(crate) struct TestDatabase {
    name: String,
    pub(crate) url: String,
    /// Another connection, which the driver does not know.
    other: Arc<Mutex<PgConnection>>,
}

/// Runs a test on a separate database, and drops the database in any case. Without a server the test is skipped, unless
/// `SKEP_REQUIRE_STORES` names `postgres`.
pub(crate) async fn with_database<Fut>(test: impl FnOnce(TestDatabase) -> Fut)
where
    Fut: Future<Output = ()> + 'static,
{
    let Ok(server) = env::var("SKEP_TEST_POSTGRES_URL") else {
        let required = env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
        assert!(!required.contains("postgres"), "SKEP_REQUIRE_STORES needs SKEP_TEST_POSTGRES_URL");
        println!("skipped: SKEP_TEST_POSTGRES_URL is not set");
        return;
    };
    let name = format!("skep_test_{}", Uuid::from_u128(rand::random()).simple());
    let (base, _) = server.rsplit_once('/').unwrap();
    let url = format!("{base}/{name}");
    let mut admin = PgConnection::connect(&server).await.unwrap();
    run(&mut admin, format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await;
    let other = Arc::new(Mutex::new(PgConnection::connect(&url).await.unwrap()));
    let database = TestDatabase { name: name.clone(), url, other };
    let done = LocalSet::new().run_until(async { spawn_local(test(database)).await }).await;
    run(&mut admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(error) = done {
        std::panic::resume_unwind(error.into_panic());
    }
}

pub(crate) fn patient(url: &str) -> PostgresOptions {
    let mut options = PostgresOptions::new(url);
    options.acquire_timeout = Duration::from_secs(20);
    options
}

async fn run(connection: &mut PgConnection, sql: String) {
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
}

impl TestDatabase {
    /// The defaults with longer limits, because a busy machine opens connections slowly.
    pub(crate) fn options(&self) -> PostgresOptions {
        patient(&self.url)
    }

    pub(crate) fn connect(&self) -> PostgresDatabase {
        PostgresDatabase::connect(&self.options()).unwrap()
    }

    /// A database with a table `items (id BIGINT, text TEXT)`.
    pub(crate) async fn with_items(&self) -> PostgresDatabase {
        self.run("CREATE TABLE items (id BIGINT CONSTRAINT items_pkey PRIMARY KEY, text TEXT)").await;
        self.connect()
    }

    /// Runs a script on the other connection.
    pub(crate) async fn run(&self, sql: &str) {
        let mut other = self.other.lock().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *other).await.unwrap();
    }

    /// Makes sessions that start later refuse changes, as those of a standby do, or accept them again.
    pub(crate) async fn read_only(&self, is: bool) {
        self.run(&format!("ALTER DATABASE {} SET default_transaction_read_only = {is}", self.name)).await;
    }

    /// Reads a number on the other connection.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.other.lock().await.fetch_one(AssertSqlSafe(sql.to_owned())).await.unwrap().get(0)
    }

    pub(crate) async fn items(&self) -> i64 {
        self.number("SELECT count(*) FROM items").await
    }

    /// The number of our connections in this state, as the server reports it.
    pub(crate) async fn connections(&self, state: &str) -> i64 {
        let ours = format!("datname = '{}' AND application_name = 'skep'", self.name);
        self.number(&format!("SELECT count(*) FROM pg_stat_activity WHERE {ours} AND state LIKE '{state}'")).await
    }

    /// Makes the server end all of our connections.
    pub(crate) async fn kill_now(&self) {
        let ours = format!("datname = '{}' AND application_name = 'skep'", self.name);
        self.run(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")).await;
    }

    /// Makes the server end all of our connections, and waits until they are gone.
    pub(crate) async fn kill(&self) {
        self.kill_now().await;
        eventually(async || self.connections("%").await == 0).await;
    }
}

/// Waits until the condition holds.
pub(crate) async fn eventually(mut is: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is().await {
        assert!(Instant::now() < deadline, "the condition was never met");
        sleep(Duration::from_millis(5)).await;
    }
}

/// A statement with this text. It lives as long as the test program.
pub(crate) fn statement(sql: &'static str, params: &'static [Kind], columns: &'static [Kind]) -> &'static Statement {
    Box::leak(Box::new(Statement::both("test.item.verb", sql, params, columns)))
}

pub(crate) fn batch(sql: &'static str, params: &'static [Kind]) -> &'static Statement {
    Box::leak(Box::new(Statement::batch("test.item.batch", (sql, sql), params)))
}

pub(crate) fn insert_item() -> &'static Statement {
    statement("INSERT INTO items (id, text) VALUES ($1, $2)", &[Kind::Int, Kind::Text], &[])
}

pub(crate) fn count_items() -> &'static Statement {
    statement("SELECT count(*) FROM items", &[], &[Kind::Int])
}

pub(crate) async fn begin(database: &PostgresDatabase) -> Box<dyn SqlTransaction> {
    database.begin(TxMode::Write, &[], &declared()).await.unwrap()
}

pub(crate) async fn insert(tx: &mut Box<dyn SqlTransaction>, id: i64) -> Result<u64, StoreError> {
    tx.execute(insert_item(), vec![Value::Int(id), Value::Null]).await
}

/// The number in the only row of a result.
pub(crate) fn number(mut rows: Vec<Row>) -> i64 {
    assert_eq!(rows.len(), 1);
    rows[0].int().unwrap()
}

/// Everything that an error shows in any format.
pub(crate) fn everything(error: &StoreError) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        write!(text, "\n{cause} {cause:?}").unwrap();
        next = cause.source();
    }
    text
}
