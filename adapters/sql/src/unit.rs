//! The one unit of work of both SQL engines; every repository is implemented on it, in the file of its context.

use super::{Row, SqlTransaction, Statement, Value, observe::WatchedUnit};
use async_trait::async_trait;
use skep_application::kernel::{StoreError, Transaction, TxMode, UnitOutcome};

/// A unit of work. It remembers its first error, and that a call of it was cancelled, and refuses everything after it
/// but [`Transaction::rollback`], with which a refusal that rests on a `Duplicate` ends.
pub struct SqlUnit {
    transaction: Box<dyn SqlTransaction>,
    mode: TxMode,
    failed: bool,
    watched: WatchedUnit,
}

impl SqlUnit {
    /// A unit of work over a transaction that was just opened.
    pub(crate) fn new(transaction: Box<dyn SqlTransaction>, mode: TxMode, watched: WatchedUnit) -> Self {
        Self { transaction, mode, failed: false, watched }
    }

    /// Whether rows that are read are to be locked, where the engine has such locks.
    pub(crate) fn writes(&self) -> bool {
        self.mode == TxMode::Write
    }

    /// Runs a statement; answers the number of rows it changed.
    pub(crate) async fn change(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
        self.enter()?;
        let changed = self.watched.statement(statement, self.transaction.execute(statement, args)).await?;
        self.failed = false;
        Ok(changed)
    }

    /// Runs a batch statement; answers the number of rows it changed in all. No rows, no statement.
    pub(crate) async fn change_many(
        &mut self,
        statement: &'static Statement,
        rows: Vec<Vec<Value>>,
    ) -> Result<u64, StoreError> {
        self.enter()?;
        let changed = if rows.is_empty() {
            0
        } else {
            self.watched.statement(statement, self.transaction.execute_many(statement, rows)).await?
        };
        self.failed = false;
        Ok(changed)
    }

    /// Reads rows.
    pub(crate) async fn rows<T>(
        &mut self,
        statement: &'static Statement,
        args: Vec<Value>,
        read: fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.enter()?;
        let rows = self.watched.statement(statement, self.transaction.query(statement, args)).await?;
        let read = rows.into_iter().map(|mut row| read(&mut row)).collect::<Result<Vec<_>, _>>()?;
        self.failed = false;
        Ok(read)
    }

    /// Reads a row, if there is one.
    pub(crate) async fn row<T>(
        &mut self,
        statement: &'static Statement,
        args: Vec<Value>,
        read: fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.enter()?;
        let mut rows = self.watched.statement(statement, self.transaction.query(statement, args)).await?;
        let read = rows.pop().map(|mut row| read(&mut row)).transpose()?;
        self.failed = false;
        Ok(read)
    }

    /// Changes exactly `wanted` rows, or the unit fails with `Stale`.
    pub(crate) fn all_or_stale(&mut self, changed: u64, wanted: usize) -> Result<(), StoreError> {
        let all = u64::try_from(wanted).is_ok_and(|wanted| wanted == changed);
        self.remember(if all { Ok(()) } else { Err(StoreError::Stale) })
    }

    /// Remembers an error that was found outside of a statement.
    pub(crate) fn remember<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.failed |= result.is_err();
        self.watched.remember(result.as_ref().err());
        result
    }

    /// Counts as failed until the call is through, so that an error and a cancelled call need no code of their own.
    fn enter(&mut self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::after_error());
        }
        self.failed = true;
        Ok(())
    }
}

#[async_trait]
impl Transaction for SqlUnit {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::after_error());
        }
        self.watched.end(UnitOutcome::Committed, self.transaction.commit()).await
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.watched.end(UnitOutcome::RolledBack, self.transaction.rollback()).await
    }
}
