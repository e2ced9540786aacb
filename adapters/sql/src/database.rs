//! What a driver does. SQLite and PostgreSQL implement these traits and nothing else.

use super::{Engine, Row, Statement, Value};
use async_trait::async_trait;
use skep_application::kernel::{Key, StoreError, TxMode};

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
///
/// Statements run alone, or between `begin` and `commit` in the transaction of a step. Dropping undoes the step that is
/// open.
#[async_trait]
pub trait SqlSchema: SqlConnection {
    /// Opens a step.
    async fn begin(&mut self) -> Result<(), StoreError>;
    /// Runs a script of any number of statements in the step, however long it takes.
    async fn script(&mut self, script: &str) -> Result<(), StoreError>;
    /// Ends the step; durable when it is answered. After an error the step is undone.
    async fn commit(&mut self) -> Result<(), StoreError>;
    /// Undoes the step.
    async fn rollback(&mut self) -> Result<(), StoreError>;
}

/// A database of one engine.
#[async_trait]
pub trait SqlDatabase: Send + Sync {
    /// Which engine it is.
    fn engine(&self) -> Engine;
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
