//! What a driver does. SQLite and PostgreSQL implement these traits and nothing else.

use super::{Engine, Row, Statement, Value};
use async_trait::async_trait;
use skep_application::kernel::{Key, StoreError, TxMode};
use skep_domain::shared::Timestamp;

/// Runs statements. Every method checks its arguments with [`Statement::check`] and classifies the driver's errors.
#[async_trait]
pub trait SqlConnection: Send {
    /// Runs a statement; answers the number of rows it changed.
    async fn execute(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError>;
    /// Runs a batch statement for every row; answers the number of rows it changed in all. Nothing for no rows.
    async fn execute_many(&mut self, statement: &'static Statement, rows: Vec<Vec<Value>>) -> Result<u64, StoreError>;
    /// Runs a statement; answers its rows.
    async fn query(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError>;
}

/// A transaction. Dropping it undoes it.
#[async_trait]
pub trait SqlTransaction: SqlConnection {
    /// As [`skep_application::kernel::Transaction::commit`].
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
    /// As [`skep_application::kernel::Transaction::rollback`].
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

/// The schema of a database, locked against every other instance until it is dropped.
#[async_trait]
pub trait SqlSchema: Send {
    /// The applied migrations by number, with the time of each; empty for a new database.
    async fn applied(&mut self) -> Result<Vec<(i64, Timestamp)>, StoreError>;
    /// Runs the script and records the migration as applied at `now`, together or not at all.
    async fn apply(&mut self, number: i64, name: &str, script: &str, now: Timestamp) -> Result<(), StoreError>;
    /// Runs the script and forgets the migration, together or not at all.
    async fn revert(&mut self, number: i64, script: &str) -> Result<(), StoreError>;
}

/// A migration of one engine, embedded in its driver. Numbers start at 1 and have no gaps; both engines have the same.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The number.
    pub number: i64,
    /// What it does, in `snake_case`.
    pub name: &'static str,
    /// The script that applies it.
    pub up: &'static str,
    /// The script that takes it back.
    pub down: &'static str,
}

/// A database of one engine.
#[async_trait]
pub trait SqlDatabase: Send + Sync {
    /// Which engine it is.
    fn engine(&self) -> Engine;
    /// The migrations that this program knows.
    fn migrations(&self) -> &'static [Migration];
    /// Opens a transaction. SQLite: write transactions queue fairly for the one writer. PostgreSQL: read committed for
    /// writing, one snapshot for reading.
    async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<dyn SqlTransaction>, StoreError>;
    /// Runs one reading statement outside of any transaction; sees everything that was committed before.
    async fn read(&self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError>;
    /// Locks the schema. Waits for another instance that holds it, up to a minute.
    async fn schema(&self) -> Result<Box<dyn SqlSchema>, StoreError>;
    /// As [`skep_application::operations::StoreHealth::check`].
    async fn check(&self) -> Result<(), StoreError>;
}
