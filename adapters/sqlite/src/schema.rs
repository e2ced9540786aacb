//! The schema, locked while it is migrated.
//!
//! The lock is a file beside the database, held with `flock`. It outlasts the transaction of each step, so that no
//! other instance can migrate between two steps, and the system releases it when the process ends. Every step is its
//! own transaction, and durable when its commit returns.

use crate::{
    connection::open_schema,
    errors::{Loss, during},
    options::SqliteOptions,
    session::Session,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};
use skep_application::kernel::StoreError;
use skep_sql::{Declared, Row, SqlConnection, SqlSchema, Statement, Value};
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long to wait for another instance that is migrating the schema.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// The locked schema. The connection and the lock move together, so that a step whose caller was canceled holds the
/// lock until it has ended.
pub(crate) struct SqliteSchema(Option<Box<Locked>>);

struct Locked {
    session: Session,
    /// Released on drop. Fields are dropped in their order, so this happens after the connection is closed.
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
                    return Err(StoreError::Unavailable("another instance has locked the schema for a minute".into()));
                }
                Err(TryLockError::Error(error)) => return Err(StoreError::Unavailable(error.into())),
            }
        }
        let session = Session::new(open_schema(options)?);
        Ok(Self(Some(Box::new(Locked { session, _lock: file }))))
    }

    /// Runs `work` on a thread where it may block.
    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Unavailable("an earlier step of the schema was canceled".into());
        let mut locked = self.0.take().ok_or_else(gone)?;
        let (locked, result) = tokio::task::spawn_blocking(move || {
            let result = work(&mut locked.session);
            (locked, result)
        })
        .await
        .map_err(|error| StoreError::Unavailable(error.into()))?;
        self.0 = Some(locked);
        result
    }
}

#[async_trait]
impl SqlConnection for SqliteSchema {
    async fn execute(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
        self.run(move |session| session.execute(statement, &args, &Declared::default())).await
    }

    async fn execute_many(&mut self, statement: &'static Statement, rows: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        self.run(move |session| session.execute_many(statement, &rows, &Declared::default())).await
    }

    async fn query(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.run(move |session| session.query(statement, &args)).await
    }
}

#[async_trait]
impl SqlSchema for SqliteSchema {
    async fn begin(&mut self) -> Result<(), StoreError> {
        self.run(|session| session.control("BEGIN IMMEDIATE").map_err(failed)).await
    }

    async fn script(&mut self, script: &str) -> Result<(), StoreError> {
        let script = script.to_owned();
        self.run(move |session| {
            session.db().execute_batch(&script).map_err(failed)?;
            still_open(session)
        })
        .await
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        self.run(|session| {
            let checked = still_open(session).and_then(|()| check(session.db()));
            let done =
                checked.and_then(|()| session.control("COMMIT").map_err(|error| Loss::of_commit(error).for_commit()));
            if done.is_err() {
                undo(session)?;
            }
            done
        })
        .await
    }

    async fn rollback(&mut self) -> Result<(), StoreError> {
        self.run(|session| undo(session)).await
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    during("migration", error)
}

/// Some errors already end the transaction.
fn undo(session: &Session) -> Result<(), StoreError> {
    if session.in_transaction() { session.control("ROLLBACK").map_err(failed) } else { Ok(()) }
}

fn still_open(session: &Session) -> Result<(), StoreError> {
    if session.in_transaction() {
        return Ok(());
    }
    Err(StoreError::Corrupt("the step ends the transaction that it runs in".into()))
}

/// Checks what the statements of the step did not: dangling references (foreign keys are off during a step), references
/// to a dropped table, and deferred foreign keys. A deferred key is checked only at COMMIT, and would fail the COMMIT
/// of a whole group of units.
fn check(db: &Connection) -> Result<(), StoreError> {
    let dangling: Option<String> = db
        .query_row("SELECT \"table\" FROM pragma_foreign_key_check", [], |row| row.get(0))
        .optional()
        .map_err(failed)?;
    if let Some(table) = dangling {
        return Err(StoreError::Corrupt(format!("rows of {table} point to rows that do not exist").into()));
    }
    let orphans = "SELECT child.name FROM sqlite_schema child, pragma_foreign_key_list(child.name) key
        WHERE child.type = 'table' AND NOT EXISTS (SELECT 1 FROM sqlite_schema parent
            WHERE parent.type = 'table' AND parent.name = key.\"table\" COLLATE NOCASE)";
    let orphan: Option<String> = db.query_row(orphans, [], |row| row.get(0)).optional().map_err(failed)?;
    if let Some(table) = orphan {
        return Err(StoreError::Corrupt(format!("{table} refers to a table that does not exist").into()));
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

#[cfg(test)]
mod tests;
