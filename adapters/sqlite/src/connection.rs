//! Opens and configures connections.

use crate::{
    errors::{during, is_busy},
    options::{SqliteOptions, Synchronous},
    writer::LogMover,
};
use rusqlite::{Connection, OpenFlags, config::DbConfig, limits::Limit, vtab::array};
use skep_application::kernel::StoreError;
use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

/// The number of prepared statements that a connection caches: more than the program has.
const STATEMENTS: usize = 512;
/// The longest text, blob or row, in bytes.
const LONGEST_VALUE: i32 = 64 << 20;
/// A log that grew beyond this because of a reader is truncated to this size, in bytes.
const LONGEST_IDLE_LOG: i64 = 64 << 20;
/// In KiB: SQLite reads a negative size so.
const WRITER_CACHE: i64 = -32_768;
const READER_CACHE: i64 = -8_192;

/// Creates the file if it is missing, readable only by its owner. The log beside it gets the same mode.
///
/// Never opens an existing file: closing it would drop the locks that this process' other connections hold on it.
pub(crate) fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Err(StoreError::Full(error.into())),
        Err(error) => Err(StoreError::Unavailable(error.into())),
    }
}

/// Opens the connection that writes. Its statements never wait for another process, which would block an async thread.
pub(crate) fn open_writer(options: &SqliteOptions) -> Result<Connection, StoreError> {
    let deadline = Instant::now() + options.busy_deadline;
    loop {
        // SQLite does not wait by itself while another process switches a new file to its log.
        match try_open_writer(options) {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result.map_err(|error| during("opening the database", error)),
        }
    }
}

fn try_open_writer(options: &SqliteOptions) -> rusqlite::Result<Connection> {
    let db = open(&options.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    set_synchronous(&db, options.synchronous)?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "cache_size", WRITER_CACHE)?;
    // `writer::checkpointer` moves the log.
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_size_limit", LONGEST_IDLE_LOG, |_| Ok(()))?;
    restrict(&db)?;
    Ok(db)
}

/// Opens the connection and the file with which the write-ahead log is moved, while the writer goes on.
pub(crate) fn open_log_mover(options: &SqliteOptions) -> Result<LogMover, StoreError> {
    let open = || {
        let db = open(&options.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        set_synchronous(&db, options.synchronous)?;
        restrict(&db)?;
        Ok(db)
    };
    let db = open().map_err(|error| during("opening the database", error))?;
    let file = File::options().write(true).open(&options.path);
    let file = file.map_err(|error| StoreError::Unavailable(error.into()))?;
    Ok(LogMover { db, file: Box::leak(Box::new(file)) })
}

/// A connection that reads.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let db = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.pragma_update(None, "cache_size", READER_CACHE)?;
        restrict(&db)?;
        Ok(db)
    };
    open().map_err(|error| during("opening the database", error))
}

/// Opens a connection that changes the schema. It runs off the async threads, so it may wait. Foreign keys are off,
/// because otherwise dropping a table that is being replaced would delete the rows that refer to it. The step checks
/// them at its end.
pub(crate) fn open_schema(options: &SqliteOptions) -> Result<Connection, StoreError> {
    let open = || {
        let db = open(&options.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        set_synchronous(&db, options.synchronous)?;
        db.pragma_update(None, "foreign_keys", false)?;
        db.busy_timeout(options.busy_deadline)?;
        Ok(db)
    };
    open().map_err(|error| during("opening the database", error))
}

fn open(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(Duration::ZERO)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // Savepoints keep old pages in memory instead of a file. Memory-mapped reading stays off: with it, a failing disk
    // would end the process (SIGBUS) instead of a statement.
    db.pragma_update(None, "temp_store", "memory")?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Only `close` empties the log, because only it knows whether that is safe.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // A statement keeps its plan for all values. Without this, SQLite would plan some statements again at every run.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    array::load_module(&db)?;
    Ok(db)
}

fn set_synchronous(db: &Connection, synchronous: Synchronous) -> rusqlite::Result<()> {
    match synchronous {
        Synchronous::Full => {
            // On macOS, fsync leaves the data in the drive's cache, and `fullfsync` does not. Elsewhere it has no
            // effect.
            db.pragma_update(None, "fullfsync", true)?;
            db.pragma_update(None, "synchronous", "full")
        }
        Synchronous::Normal => db.pragma_update(None, "synchronous", "normal"),
    }
}

fn restrict(db: &Connection) -> rusqlite::Result<()> {
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)?;
    db.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    db.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    Ok(())
}
