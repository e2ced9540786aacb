//! The SQLite driver for `skep-sql`: one file, one writer, a few readers.
//!
//! Statements run inline on the async thread, because SQLite executes most of them within microseconds, and handing
//! them to another thread costs far more. Only long reads, which count rows, run on another thread. Waiting for a disk
//! or for another process happens elsewhere, too: the shared COMMIT runs on its own thread, and a busy file is retried
//! after an async sleep.
//!
//! **Group commit.** Several writing units of work share one transaction, and each of them is a savepoint of it.
//! `commit` returns when the shared COMMIT is on disk. So an acknowledged unit survives a power cut
//! ([`Synchronous::Full`]), while many units share one `fdatasync`.

mod connection;
mod database;
mod errors;
mod options;
mod parameters;
mod readers;
mod schema;
mod session;
mod sql_connection;
mod stats;
#[cfg(test)]
mod testing;
mod writer;

pub use database::SqliteDatabase;
pub use options::{SqliteOptions, Synchronous};
pub use stats::PoolStats;
pub use writer::WriterStats;
