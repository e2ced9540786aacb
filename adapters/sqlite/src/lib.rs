//! SQLite beneath `skep-sql`: one file, one writer, a few readers.
//!
//! Statements run inline on the async thread, because SQLite answers most of them within microseconds and handing them
//! to another thread costs far more. Everything that waits for a disk or for another process does so elsewhere: the
//! shared COMMIT on a thread of its own, a busy file in an async sleep.
//!
//! **Group commit.** A writing unit of work is a savepoint of a transaction that it shares with those before and after
//! it; `commit` returns when the shared COMMIT is on disk. So an acknowledged unit survives a power cut
//! ([`Synchronous::Full`]) while many of them share one `fdatasync`.

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
