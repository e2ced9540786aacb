//! The workloads that run under strace.

use skep_application::kernel::{StoreError, TxMode};
use skep_sql::{Kind, SqlDatabase, SqlTransaction, Statement, Value};
use skep_sqlite::{SqliteDatabase, SqliteOptions, Synchronous};
use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Barrier;

/// The environment variable that names the workload.
pub(crate) const ENVIRONMENT: &str = "TRACE_WORKLOAD";

const TASKS: usize = 16;

/// Units of 100 pages each, so that the log is moved several times.
pub(crate) const LONG: i64 = 320;

static INSERT: Statement =
    Statement::both("trace.row.insert", "INSERT INTO rows (body) VALUES ($1)", &[Kind::Text], &[]);
static COUNT: Statement = Statement::both("trace.row.count", "SELECT count(*) FROM rows", &[], &[Kind::Int]);

/// The body of a unit's row.
pub(crate) fn row(unit: usize) -> String {
    format!("[row {unit:04}]")
}

/// The line that announces a unit's answer, before anything else is done with it.
pub(crate) fn answer(unit: usize) -> String {
    format!("[answered {unit:04}]\n")
}

/// Creates the database without a log, before tracing starts.
pub(crate) fn prepare(database: &Path) {
    runtime().block_on(async {
        let db = open(database, Synchronous::Full);
        let mut schema = db.schema().await.unwrap();
        schema.begin().await.unwrap();
        schema.script("CREATE TABLE rows (body TEXT NOT NULL) STRICT;").await.unwrap();
        schema.commit().await.unwrap();
        drop(schema);
        db.close().await;
    });
}

/// The number of rows that the next start finds.
pub(crate) fn stored(database: &Path) -> i64 {
    runtime()
        .block_on(async { open(database, Synchronous::Full).read(&COUNT, vec![]).await.unwrap()[0].int().unwrap() })
}

pub(crate) struct Workload {
    name: String,
    database: PathBuf,
}

impl Workload {
    pub(crate) fn from_environment() -> Option<Self> {
        let name = std::env::var(ENVIRONMENT).ok()?;
        Some(Self { name, database: std::env::var_os("TRACE_DATABASE")?.into() })
    }

    pub(crate) fn run(&self) {
        runtime().block_on(async {
            match self.name.as_str() {
                "full" => write_and_announce(open(&self.database, Synchronous::Full)).await,
                "normal" => write_and_announce(open(&self.database, Synchronous::Normal)).await,
                "long" => write_much(open(&self.database, Synchronous::Full)).await,
                _ => fail(open(&self.database, Synchronous::Full)).await,
            }
        });
    }
}

/// Runs tasks that begin together, round after round. Each announces its answer as soon as it arrives.
async fn write_and_announce(db: SqliteDatabase) {
    let barrier = Arc::new(Barrier::new(TASKS));
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let (db, barrier) = (db.clone(), Arc::clone(&barrier));
        tasks.push(tokio::spawn(async move {
            for round in 0..crate::UNITS / TASKS {
                barrier.wait().await;
                let number = round * TASKS + task;
                unit_with(&db, row(number)).await.commit().await.unwrap();
                say(&answer(number));
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// Runs units that fill the log, and closes the database.
async fn write_much(db: SqliteDatabase) {
    for _ in 0..LONG {
        unit_with(&db, "x".repeat(400 << 10)).await.commit().await.unwrap();
    }
    db.close().await;
}

/// Runs one group of a unit, its neighbor, and a refusal that has seen both. Its COMMIT fails.
async fn fail(db: SqliteDatabase) {
    let unit = unit_with(&db, row(1)).await;
    // They queue, so that they share the group.
    let neighbor = tokio::spawn({
        let db = db.clone();
        async move { unit_with(&db, row(2)).await.commit().await }
    });
    tokio::task::yield_now().await;
    let refusal = tokio::spawn({
        let db = db.clone();
        async move {
            let mut unit = db.begin(TxMode::Write, &[], &Arc::default()).await.unwrap();
            assert_eq!(unit.query(&COUNT, vec![]).await.unwrap()[0].int().unwrap(), 2);
            unit.rollback().await
        }
    });
    tokio::task::yield_now().await;
    let committed = unit.commit().await;
    let (neighbor, refusal) = (neighbor.await.unwrap(), refusal.await.unwrap());
    say(&format!("commit {}, neighbor {}, refusal {}\n", kind(&committed), kind(&neighbor), kind(&refusal)));
}

async fn unit_with(db: &SqliteDatabase, body: String) -> Box<dyn SqlTransaction> {
    let mut unit = db.begin(TxMode::Write, &[], &Arc::default()).await.unwrap();
    unit.execute(&INSERT, vec![Value::Text(body)]).await.unwrap();
    unit
}

fn open(path: &Path, synchronous: Synchronous) -> SqliteDatabase {
    let mut options = SqliteOptions::new(path);
    options.synchronous = synchronous;
    // strace slows everything down. Only an empty queue ends a group.
    options.group_age = Duration::from_secs(3600);
    options.unit_limit = Duration::from_secs(60);
    options.busy_deadline = Duration::from_secs(60);
    SqliteDatabase::open(options).unwrap()
}

/// One thread, so that a task that yields lets the others run first.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Writes the text in one system call.
fn say(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

fn kind(result: &Result<(), StoreError>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(StoreError::Retry(_)) => "retry",
        Err(StoreError::OutcomeUnknown(_)) => "unknown",
        Err(StoreError::Full(_)) => "full",
        Err(_) => "another error",
    }
}
