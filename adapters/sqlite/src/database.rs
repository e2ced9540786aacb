//! The database: its writer and its readers.

use crate::{
    connection,
    errors::during,
    options::SqliteOptions,
    readers::{ReadUnit, Reader, Readers},
    schema::SqliteSchema,
    stats::PoolStats,
    writer::{WriteQueue, WriteUnit, WriterStats},
};
use async_trait::async_trait;
use skep_application::{
    kernel::{BoxError, Key, StoreError, TxMode},
    operations::{Defect, StoreUse},
};
use skep_sql::{Declared, Engine, Row, SqlDatabase, SqlSchema, SqlTransaction, Statement, Value};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The limit of a health check.
const CHECK_LIMIT: Duration = Duration::from_secs(2);

/// A database in one file. Clones share the database.
///
/// Call [`SqliteDatabase::close`] before the process ends: it waits for open commits.
#[derive(Clone)]
pub struct SqliteDatabase {
    writer: Arc<WriteQueue>,
    readers: Arc<Readers>,
    options: Arc<SqliteOptions>,
}

impl std::fmt::Debug for SqliteDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteDatabase").field("options", &self.options).finish_non_exhaustive()
    }
}

impl SqliteDatabase {
    /// Opens the database. Creates its file with mode 0600 if it is missing. Blocks for as long as the disk takes, and
    /// up to the busy deadline while another process initializes a new file. Call it once, at the start.
    ///
    /// # Errors
    /// `Unavailable` if the folder is missing or the file cannot be used; `Full`; `Corrupt` if the file is not a
    /// database.
    pub fn open(mut options: SqliteOptions) -> Result<Self, StoreError> {
        // An absolute path is never read as one of SQLite's URIs, and stays valid if the current folder changes.
        options.path = std::path::absolute(&options.path).map_err(unavailable)?;
        connection::create(&options.path)?;
        // The writer opens first: it creates the log that readers need.
        let connection = connection::open_writer(&options)?;
        let readers = Readers::open(&options)?;
        let watched = Arc::downgrade(&readers);
        let housekeeping = move || {
            if let Some(readers) = watched.upgrade() {
                readers.expire();
            }
        };
        let mover = connection::open_log_mover(&options)?;
        let writer = WriteQueue::start(connection, mover, &options, housekeeping)?;
        Ok(Self { writer, readers, options: Arc::new(options) })
    }

    /// Counts of the writer's work since the database was opened.
    #[must_use]
    pub fn stats(&self) -> WriterStats {
        self.writer.stats()
    }

    /// Usage of the one connection that writes, and the length of its queue.
    #[must_use]
    pub fn writer_stats(&self) -> PoolStats {
        self.writer.pool_stats()
    }

    /// Usage of the connections that read.
    #[must_use]
    pub fn reader_stats(&self) -> PoolStats {
        self.readers.stats()
    }

    /// Refuses new units, waits for those that are open or queued (each at most for the unit limit), ends the last
    /// group, and moves the write-ahead log into the file. Every later call fails with `Unavailable`.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close();
    }

    #[cfg(test)]
    pub(crate) fn writer(&self) -> &Arc<WriteQueue> {
        &self.writer
    }

    #[cfg(test)]
    pub(crate) fn readers(&self) -> &Readers {
        &self.readers
    }
}

#[async_trait]
impl SqlDatabase for SqliteDatabase {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    /// Ignores `contended`: there is only one writer.
    async fn begin(
        &self,
        mode: TxMode,
        _contended: &[Key],
        declared: &Arc<Declared>,
    ) -> Result<Box<dyn SqlTransaction>, StoreError> {
        Ok(match mode {
            TxMode::Write => Box::new(WriteUnit::begin(&self.writer, declared).await?),
            TxMode::Read => Box::new(ReadUnit::begin(&self.readers).await?),
        })
    }

    async fn read(&self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.readers.read(statement, args).await
    }

    async fn schema(&self) -> Result<Box<dyn SqlSchema>, StoreError> {
        Ok(Box::new(SqliteSchema::lock(&self.options).await?))
    }

    /// Checks that the file can be read, is still the one at its path, and that its folder can be written to.
    async fn check(&self) -> Result<(), StoreError> {
        let look = async {
            let reader = self.readers.take().await?;
            let options = Arc::clone(&self.options);
            let looked = tokio::task::spawn_blocking(move || look(reader, &options.path)).await;
            looked.map_err(unavailable)?
        };
        let late = || StoreError::Unavailable("the disk does not answer in time".into());
        tokio::time::timeout(CHECK_LIMIT, look).await.map_err(|_| late())?
    }

    /// Opens a unit that writes and rolls it back, because SQLite opens a file that it may not write without an error.
    async fn inspect(&self, _: StoreUse, _: &[&'static str]) -> Result<Vec<Defect>, StoreError> {
        self.check().await?;
        let unit = WriteUnit::begin(&self.writer, &Arc::default()).await?;
        Box::new(unit).rollback().await?;
        Ok(vec![])
    }
}

fn look(mut reader: Reader, path: &Path) -> Result<(), StoreError> {
    let db = reader.session()?.db();
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(|error| during("check", error))?;
    #[cfg(unix)]
    {
        let mut has_moved = 0;
        db.file_control(Some("main"), rusqlite::FileControl::HasMoved(&mut has_moved))
            .map_err(|error| during("check", error))?;
        if has_moved != 0 {
            return Err(StoreError::Unavailable("the database file was deleted or moved".into()));
        }
    }
    probe_folder(path)
}

/// Creates an empty file beside the database and removes it. The database itself must not be opened here: closing it
/// would drop the locks that this process holds on it.
fn probe_folder(database: &Path) -> Result<(), StoreError> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut path = database.as_os_str().to_owned();
    path.push(format!("-check-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
    let probed = std::fs::File::create_new(&path).and_then(|_| std::fs::remove_file(&path));
    probed.map_err(|error| match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::Full(error.into()),
        _ => unavailable(error),
    })
}

fn unavailable(error: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, kind};

    fn open(path: impl Into<std::path::PathBuf>) -> Result<SqliteDatabase, StoreError> {
        SqliteDatabase::open(SqliteOptions::new(path))
    }

    #[cfg(unix)]
    #[tokio::test(flavor = "multi_thread")]
    async fn every_file_is_accessible_only_to_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let fixture = Fixture::new();
        fixture.unit_with(1).await.commit().await.unwrap();
        drop(fixture.db.schema().await.unwrap());
        let mut names = Vec::new();
        for entry in std::fs::read_dir(fixture.path().parent().unwrap()).unwrap() {
            let entry = entry.unwrap();
            names.push(entry.file_name().into_string().unwrap());
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{names:?}");
        }
        names.sort();
        assert_eq!(names, ["test.db", "test.db-schema-lock", "test.db-shm", "test.db-wal"]);
    }

    #[test]
    fn a_file_that_cannot_be_opened_reports_why() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(kind(&open(folder.path().join("missing/test.db"))), "unavailable");
        assert_eq!(kind(&open(folder.path())), "unavailable");
        let other = folder.path().join("other");
        std::fs::write(&other, "certainly no database, and longer than the header of one. ".repeat(50)).unwrap();
        assert_eq!(kind(&open(other)), "corrupt");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_path_that_looks_like_a_uri_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path().join("file:a?mode=memory")).unwrap();
        db.check().await.unwrap();
        assert!(folder.path().join("file:a?mode=memory").exists());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_deleted_database_is_noticed() {
        let fixture = Fixture::new();
        fixture.db.check().await.unwrap();
        let left: Vec<_> = std::fs::read_dir(fixture.path().parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 3, "the check leaves nothing behind: {left:?}");
        std::fs::remove_file(fixture.path()).unwrap();
        assert_eq!(kind(&fixture.db.check().await), "unavailable");
        std::fs::write(fixture.path(), "").unwrap();
        assert_eq!(kind(&fixture.db.check().await), "unavailable", "another file has replaced it");
        std::fs::remove_dir_all(fixture.path().parent().unwrap()).unwrap();
        assert_eq!(kind(&fixture.db.check().await), "unavailable");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn committed_units_are_there_after_reopening() {
        let fixture = Fixture::new();
        fixture.unit_with(1).await.commit().await.unwrap();
        fixture.db.close().await;
        let again = open(fixture.path()).unwrap();
        let mut rows = again.read(&crate::testing::COUNT, vec![]).await.unwrap();
        assert_eq!(rows[0].int().unwrap(), 1);
    }
}
