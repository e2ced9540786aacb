//! SQLite: a separate folder for every trial.

use crate::{
    clock,
    flawed::{FlawedDatabase, SqlFlaw},
    hosted, notes,
};
use async_trait::async_trait;
use rusqlite::Connection;
use skep_application::Store;
use skep_contract::{CommitFault, Failure, Faults, Harness, Instance, Need, Start};
use skep_sql::{SqlDatabase, SqlStore};
use skep_sqlite::{SqliteDatabase, SqliteOptions};
use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tempfile::TempDir;
use uuid::Uuid;

/// Stores in files.
#[derive(Default)]
pub struct Sqlite {
    can_mount: OnceLock<bool>,
    flaw: Option<SqlFlaw>,
}

impl Sqlite {
    /// Stores with a flaw that a clause must catch.
    #[must_use]
    pub fn with(flaw: SqlFlaw) -> Self {
        Self { flaw: Some(flaw), ..Self::default() }
    }
}

const IN_PROCESS: &str = "the store is in the process, so there is no connection that could lose an answer";

#[async_trait]
impl Harness for Sqlite {
    fn name(&self) -> &str {
        "sqlite"
    }

    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::CommitFault(CommitFault::Aborted) | Need::Schema | Need::SealedField | Need::Shared => None,
            Need::CommitFault(_) | Need::Cut => Some(IN_PROCESS),
            Need::RoundTrips => Some("the store is in the process, so a statement is a call and not a round trip"),
            Need::Full => {
                let can =
                    self.can_mount.get_or_init(|| TempDir::new().is_ok_and(|folder| Small::on(folder.path()).is_ok()));
                if *can { None } else { Some("the full disk of the trial is a small tmpfs, which only root may mount") }
            }
        }
    }

    async fn fresh(&self, start: Start, needs: &[Need]) -> Result<Box<dyn Instance>, Failure> {
        let folder = TempDir::new()?;
        let small = if needs.contains(&Need::Full) { Some(Small::on(folder.path())?) } else { None };
        let path = folder.path().join("skep.db");
        let store = open(&path, self.flaw)?;
        if start == Start::Migrated {
            store.up().await?;
        }
        Ok(Box::new(SqliteInstance { store, path, flaw: self.flaw, small, folder }))
    }
}

fn open(path: &Path, flaw: Option<SqlFlaw>) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(connect(path, flaw)?))
}

fn connect(path: &Path, flaw: Option<SqlFlaw>) -> Result<SqlStore, Failure> {
    let mut database: Arc<dyn SqlDatabase> = Arc::new(SqliteDatabase::open(SqliteOptions::new(path))?);
    if let Some(flaw) = flaw {
        database = Arc::new(FlawedDatabase::new(database, flaw));
    }
    Ok(SqlStore::new(database, clock()))
}

struct SqliteInstance {
    store: Arc<dyn Store>,
    path: PathBuf,
    flaw: Option<SqlFlaw>,
    small: Option<Small>,
    folder: TempDir,
}

impl SqliteInstance {
    /// Runs statements on a separate connection, as another program could.
    fn run(&self, text: &str) -> Result<(), Failure> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.execute_batch(text)?;
        Ok(())
    }
}

/// A deferred foreign key makes the commit itself fail.
const REFUSE_COMMITS: &str = "
    CREATE TABLE suite_parents (id INTEGER PRIMARY KEY);
    CREATE TABLE suite_children (parent INTEGER REFERENCES suite_parents (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER suite_refuse AFTER INSERT ON outbox BEGIN INSERT INTO suite_children VALUES (1); END;";

const MEND: &str = "
    DROP TRIGGER IF EXISTS suite_refuse;
    DROP TABLE IF EXISTS suite_children;
    DROP TABLE IF EXISTS suite_parents;";

#[async_trait]
impl Instance for SqliteInstance {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn second(&self) -> Result<Arc<dyn Store>, Failure> {
        open(&self.path, self.flaw)
    }

    fn faults(&self) -> &dyn Faults {
        self
    }

    async fn hosted(&self, steps: usize) -> Result<Arc<dyn Store>, Failure> {
        Ok(Arc::new(connect(&self.path, self.flaw)?.with_sets(&[hosted::sql(steps)])?))
    }

    async fn sealing(&self, rows: &[(Uuid, Option<String>)]) -> Result<Arc<dyn Store>, Failure> {
        Ok(Arc::new(notes::in_sql(connect(&self.path, self.flaw)?, rows).await?))
    }

    async fn destroy(self: Box<Self>) {
        drop(self.store);
        drop(self.small);
        // If this fails, the folder stays among the temporary files.
        self.folder.close().ok();
    }
}

#[async_trait]
impl Faults for SqliteInstance {
    async fn break_commits(&self, fault: CommitFault) -> Result<(), Failure> {
        match fault {
            CommitFault::Aborted => self.run(REFUSE_COMMITS),
            _ => Err(Failure::new(IN_PROCESS)),
        }
    }

    async fn mend(&self) -> Result<(), Failure> {
        if let Some(small) = &self.small {
            return small.empty();
        }
        self.run(MEND)
    }

    fn lost_commits(&self) -> u64 {
        0
    }

    async fn cut_connections(&self) -> Result<(), Failure> {
        Err(Failure::new(IN_PROCESS))
    }

    async fn isolate(&self) -> Result<(), Failure> {
        Err(Failure::new(IN_PROCESS))
    }

    async fn fill(&self) -> Result<(), Failure> {
        self.small.as_ref().map_or_else(|| Err(Failure::new("the trial did not ask for a small disk")), Small::fill)
    }

    fn round_trips(&self) -> u64 {
        0
    }
}

/// A small file system in memory.
struct Small {
    at: PathBuf,
}

impl Small {
    fn on(folder: &Path) -> Result<Self, Failure> {
        let at = folder.to_owned();
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(&at).output()?;
        if output.status.success() {
            return Ok(Self { at });
        }
        Err(Failure::new(format!("mount: {}", String::from_utf8_lossy(&output.stderr).trim())))
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }

    fn fill(&self) -> Result<(), Failure> {
        let mut filler = File::create(self.filler())?;
        // The pieces get smaller, until no page is left.
        for size in [1 << 16, 1 << 12, 1 << 9, 1] {
            while filler.write(&vec![0xbe; size]).is_ok_and(|written| written > 0) {}
        }
        Ok(())
    }

    fn empty(&self) -> Result<(), Failure> {
        Ok(std::fs::remove_file(self.filler())?)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily, because a connection may still be closing.
        Command::new("umount").arg("--lazy").arg(&self.at).output().ok();
    }
}
