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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SqliteDatabase,
        testing::{Fixture, kind, poll_once},
    };
    use skep_sql::SqlDatabase;

    const AT: Timestamp = Timestamp::MIN;

    fn tables(fixture: &Fixture) -> Vec<String> {
        let db = fixture.outside();
        let mut rows = db.prepare("SELECT name FROM sqlite_schema WHERE name IN ('a', 'b') ORDER BY name").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    async fn numbers(schema: &mut dyn SqlSchema) -> Vec<i64> {
        schema.applied().await.unwrap().into_iter().map(|(number, _)| number).collect()
    }

    fn without_deferred_keys() -> Fixture {
        let fixture = Fixture::new();
        fixture.outside().execute_batch("DROP TABLE strict_pairs").unwrap();
        fixture
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_step_and_its_record_are_stored_together() {
        let fixture = without_deferred_keys();
        let mut schema = fixture.db.schema().await.unwrap();
        assert!(numbers(&mut *schema).await.is_empty());
        schema.apply(1, "first", "CREATE TABLE a (x INTEGER) STRICT;", AT).await.unwrap();
        assert_eq!(schema.applied().await.unwrap(), [(1, AT)]);
        let broken = schema.apply(2, "second", "CREATE TABLE b (x INTEGER) STRICT; SELECT nonsense;", AT).await;
        assert_eq!(kind(&broken), "corrupt");
        let ends = schema.apply(2, "second", "CREATE TABLE b (x INTEGER) STRICT; ROLLBACK;", AT).await;
        assert_eq!(kind(&ends), "corrupt");
        assert_eq!(kind(&schema.apply(1, "again", "CREATE TABLE b (x INTEGER) STRICT;", AT).await), "corrupt");
        assert_eq!(kind(&schema.revert(1, "DROP TABLE a; SELECT nonsense;").await), "corrupt");
        assert_eq!(tables(&fixture), ["a"]);
        assert_eq!(numbers(&mut *schema).await, [1]);
        schema.revert(1, "DROP TABLE a;").await.unwrap();
        assert!(tables(&fixture).is_empty());
        assert!(numbers(&mut *schema).await.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn foreign_keys_are_checked_at_the_end_of_a_step_and_never_deferred() {
        let fixture = without_deferred_keys();
        let mut schema = fixture.db.schema().await.unwrap();
        let tables_of = "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT;
            CREATE TABLE b (a_id INTEGER NOT NULL REFERENCES a (id) ON DELETE CASCADE) STRICT;
            INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);";
        schema.apply(1, "first", tables_of, AT).await.unwrap();
        assert_eq!(kind(&schema.apply(2, "second", "INSERT INTO b VALUES (2);", AT).await), "corrupt");
        let rebuild = "CREATE TABLE c (id INTEGER PRIMARY KEY, more TEXT) STRICT; INSERT INTO c SELECT id, '' FROM a;
            DROP TABLE a; ALTER TABLE c RENAME TO a;";
        schema.apply(2, "second", rebuild, AT).await.unwrap();
        let kept: i64 = fixture.outside().query_row("SELECT count(*) FROM b", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 1);
        let deferred = "CREATE TABLE d (a_id INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED) STRICT;";
        assert_eq!(kind(&schema.apply(3, "third", deferred, AT).await), "corrupt");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_schema_is_locked_against_other_instances() {
        let fixture = without_deferred_keys();
        let other = SqliteDatabase::open(crate::SqliteOptions::new(fixture.path())).unwrap();
        let mut schema = fixture.db.schema().await.unwrap();
        let mut waiting = Box::pin(other.schema());
        assert!(poll_once(&mut waiting).is_none());
        schema.apply(1, "first", "CREATE TABLE a (x INTEGER) STRICT;", AT).await.unwrap();
        assert!(poll_once(&mut waiting).is_none(), "between two steps");
        drop(schema);
        let mut schema = waiting.await.unwrap();
        assert_eq!(numbers(&mut *schema).await, [1]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn instances_that_start_at_once_apply_a_step_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut tasks = Vec::new();
        for _ in 0..6 {
            let options = crate::SqliteOptions::new(folder.path().join("new.db"));
            tasks.push(tokio::spawn(async move {
                let db = tokio::task::spawn_blocking(|| SqliteDatabase::open(options)).await.unwrap().unwrap();
                let mut schema = db.schema().await.unwrap();
                let missing = numbers(&mut *schema).await.is_empty();
                if missing {
                    for migration in db.migrations() {
                        schema.apply(migration.number, migration.name, migration.up, AT).await.unwrap();
                    }
                }
                missing
            }));
        }
        let mut applied = 0;
        for task in tasks {
            applied += usize::from(task.await.unwrap());
        }
        assert_eq!(applied, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn our_migrations_go_up_and_down() {
        let folder = tempfile::tempdir().unwrap();
        let db = SqliteDatabase::open(crate::SqliteOptions::new(folder.path().join("new.db"))).unwrap();
        let mut schema = db.schema().await.unwrap();
        for _ in 0..2 {
            for (index, migration) in db.migrations().iter().enumerate() {
                assert_eq!(migration.number, i64::try_from(index).unwrap() + 1);
                schema.apply(migration.number, migration.name, migration.up, AT).await.unwrap();
            }
            for migration in db.migrations().iter().rev() {
                schema.revert(migration.number, migration.down).await.unwrap();
            }
            let left = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'schema_migrations'
                AND name NOT LIKE 'sqlite_%'";
            let outside = Connection::open(folder.path().join("new.db")).unwrap();
            assert_eq!(outside.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
        }
    }
}
