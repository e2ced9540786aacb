//! The schema, locked while it is moved.
//!
//! The lock is a file beside the database, held with `flock`: it outlasts the transaction of each step, so that no
//! other instance comes between two of them, and the system frees it when the process ends. Every step is a
//! transaction of its own, durable when it is answered.

use crate::{
    connection::open_schema,
    errors::{Loss, during},
    options::SqliteOptions,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use skep_application::kernel::StoreError;
use skep_domain::shared::Timestamp;
use skep_sql::SqlSchema;
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long to wait for another instance that moves the schema.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    number INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT";

/// The locked schema. The connection and the lock travel together, so that a step whose caller was cancelled still
/// holds the lock until it is over.
pub(crate) struct SqliteSchema(Option<Box<Locked>>);

struct Locked {
    db: Connection,
    /// Unlocks when it is dropped, which fields are in their order: after the connection.
    _lock: File,
}

impl SqliteSchema {
    pub(crate) async fn lock(options: &SqliteOptions) -> Result<Self, StoreError> {
        let file = open_lock_file(&options.path)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Unavailable("another instance holds the schema".into()));
                }
                Err(TryLockError::Error(error)) => return Err(StoreError::Unavailable(error.into())),
            }
        }
        let db = open_schema(options)?;
        Ok(Self(Some(Box::new(Locked { db, _lock: file }))))
    }

    /// Runs `work` where it may take long.
    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Unavailable("an earlier step of the schema was cancelled".into());
        let mut locked = self.0.take().ok_or_else(gone)?;
        let (locked, result) = tokio::task::spawn_blocking(move || {
            let result = work(&mut locked.db);
            (locked, result)
        })
        .await
        .map_err(|error| StoreError::Unavailable(error.into()))?;
        self.0 = Some(locked);
        result
    }
}

#[async_trait]
impl SqlSchema for SqliteSchema {
    async fn applied(&mut self) -> Result<Vec<(i64, Timestamp)>, StoreError> {
        self.run(|db| applied(db)).await
    }

    async fn apply(&mut self, number: i64, name: &str, script: &str, now: Timestamp) -> Result<(), StoreError> {
        let (name, script) = (name.to_owned(), script.to_owned());
        self.run(move |db| {
            step(db, &script, |db| {
                db.execute_batch(TABLE)?;
                let record = "INSERT INTO schema_migrations (number, name, applied_at) VALUES (?1, ?2, ?3)";
                db.execute(record, params![number, name, now.as_millis()]).map(drop)
            })
        })
        .await
    }

    async fn revert(&mut self, number: i64, script: &str) -> Result<(), StoreError> {
        let script = script.to_owned();
        self.run(move |db| {
            step(db, &script, |db| db.execute("DELETE FROM schema_migrations WHERE number = ?1", [number]).map(drop))
        })
        .await
    }
}

fn applied(db: &Connection) -> Result<Vec<(i64, Timestamp)>, StoreError> {
    let read = || {
        let exists = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'";
        if db.query_row(exists, [], |_| Ok(())).optional()?.is_none() {
            return Ok(Vec::new());
        }
        let mut rows = db.prepare("SELECT number, applied_at FROM schema_migrations ORDER BY number")?;
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<Vec<(i64, i64)>>>()
    };
    let rows = read().map_err(|error| during("reading the migrations", error))?;
    rows.into_iter()
        .map(|(number, millis)| match Timestamp::from_millis(millis) {
            Ok(at) => Ok((number, at)),
            Err(_) => Err(StoreError::corrupt("schema_migrations", number, "applied_at")),
        })
        .collect()
}

/// One step with its record, together or not at all.
fn step(
    db: &mut Connection,
    script: &str,
    record: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let failed = |error| during("migration", error);
    let unit = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    unit.execute_batch(script).map_err(failed)?;
    if unit.is_autocommit() {
        return Err(StoreError::Corrupt("the script ends the transaction that it runs in".into()));
    }
    record(&unit).map_err(failed)?;
    check(&unit)?;
    unit.commit().map_err(|error| Loss::of_commit(error).for_commit())
}

/// What a statement of the script did not check: rows that point nowhere, because foreign keys are off meanwhile; and a
/// foreign key that is checked only at COMMIT, which would fail the COMMIT of a whole group of units.
fn check(db: &Connection) -> Result<(), StoreError> {
    let failed = |error| during("migration", error);
    let dangling: Option<String> = db
        .query_row("SELECT \"table\" FROM pragma_foreign_key_check", [], |row| row.get(0))
        .optional()
        .map_err(failed)?;
    if let Some(table) = dangling {
        return Err(StoreError::Corrupt(format!("rows of {table} point to rows that do not exist").into()));
    }
    let deferred: Option<String> = db
        .query_row("SELECT name FROM sqlite_schema WHERE sql LIKE '%INITIALLY%DEFERRED%'", [], |row| row.get(0))
        .optional()
        .map_err(failed)?;
    match deferred {
        Some(table) => Err(StoreError::Corrupt(format!("{table} has a deferred foreign key").into())),
        None => Ok(()),
    }
}

fn open_lock_file(database: &Path) -> Result<File, StoreError> {
    let mut path = database.as_os_str().to_owned();
    path.push("-schema-lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(PathBuf::from(path)).map_err(|error| StoreError::Unavailable(error.into()))
}
