//! The traits of a driver. SQLite and PostgreSQL implement these and nothing else.

use super::{Declared, Engine, Row, Statement, Value};
use async_trait::async_trait;
use skep_application::{
    kernel::{Key, StoreError, TxMode, WakeUps},
    operations::{Defect, StoreUse},
};
use std::sync::Arc;

/// Runs statements. Every method checks its arguments with [`Statement::check`] and classifies the driver's errors.
#[async_trait]
pub trait SqlConnection: Send {
    /// Runs a statement and returns the number of rows that it changed.
    async fn execute(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError>;
    /// Runs a batch statement for every row and returns the total number of changed rows. Without rows, nothing runs.
    async fn execute_many(&mut self, statement: &'static Statement, rows: Vec<Vec<Value>>) -> Result<u64, StoreError>;
    /// Runs a statement and returns its rows.
    async fn query(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError>;
}

/// A transaction. Dropping it rolls it back.
#[async_trait]
pub trait SqlTransaction: SqlConnection {
    /// As [`skep_application::kernel::Transaction::commit`].
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
    /// As [`skep_application::kernel::Transaction::rollback`].
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

/// The schema of a database, locked against every other instance until this is dropped.
///
/// Statements run alone, or between `begin` and `commit` in the transaction of a step. Dropping rolls back an open
/// step.
#[async_trait]
pub trait SqlSchema: SqlConnection {
    /// Opens the transaction of a step.
    async fn begin(&mut self) -> Result<(), StoreError>;
    /// Runs a script of any number of statements in the step, however long it takes.
    async fn script(&mut self, script: &str) -> Result<(), StoreError>;
    /// Commits the step. It is durable when this returns. After an error the step is rolled back.
    async fn commit(&mut self) -> Result<(), StoreError>;
    /// Rolls the step back.
    async fn rollback(&mut self) -> Result<(), StoreError>;
}

/// A database of one engine.
#[async_trait]
pub trait SqlDatabase: Send + Sync {
    /// The engine, which selects the text of a statement.
    fn engine(&self) -> Engine;
    /// Opens a transaction. On SQLite, write transactions queue fairly for the one writer. On PostgreSQL, writing uses
    /// read committed, and reading uses one snapshot.
    ///
    /// `declared` names the rules that a statement violates. A violation of any other rule is `Corrupt`.
    async fn begin(
        &self,
        mode: TxMode,
        contended: &[Key],
        declared: &Arc<Declared>,
    ) -> Result<Box<dyn SqlTransaction>, StoreError>;
    /// Runs one reading statement outside of any transaction. It sees everything that was committed before.
    async fn read(&self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError>;
    /// Locks the schema. Waits up to one minute for another instance that holds the lock.
    async fn schema(&self) -> Result<Box<dyn SqlSchema>, StoreError>;
    /// As [`skep_application::operations::StoreHealth::check`].
    async fn check(&self) -> Result<(), StoreError>;
    /// The way to other instances, if the engine has one.
    fn wake_ups(&self) -> Option<&dyn WakeUps> {
        None
    }
    /// As [`skep_application::operations::StoreHealth::inspect`]. `tables` are those of the store.
    async fn inspect(&self, usage: StoreUse, tables: &[&'static str]) -> Result<Vec<Defect>, StoreError>;
}
