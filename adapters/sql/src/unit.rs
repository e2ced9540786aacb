//! The unit of work of both SQL engines. Each repository is implemented on it, in the file of its context.

use super::{Row, SqlTransaction, Statement, Value, observe::WatchedUnit};
use async_trait::async_trait;
use skep_application::kernel::{Announcement, Signals, StoreError, Transaction, TxMode, UnitOutcome};
use std::sync::Arc;

/// A unit of work. After its first error or a canceled call it refuses everything except [`Transaction::rollback`],
/// which ends a refusal that was caused by a `Duplicate` or `Referenced`.
pub struct SqlUnit {
    transaction: Box<dyn SqlTransaction>,
    mode: TxMode,
    failed: bool,
    watched: WatchedUnit,
    signals: Arc<Signals>,
    pub(crate) announcement: Announcement,
}

impl SqlUnit {
    /// A unit of work over a transaction that was just opened.
    pub(crate) fn new(
        transaction: Box<dyn SqlTransaction>,
        mode: TxMode,
        watched: WatchedUnit,
        signals: Arc<Signals>,
    ) -> Self {
        Self { transaction, mode, failed: false, watched, signals, announcement: Announcement::default() }
    }

    /// Whether the unit was opened for writing. Reads of rows that are changed later lock them then, on an engine with
    /// row locks.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.mode == TxMode::Write
    }

    /// Runs a statement and returns the number of rows that it changed. Every error ends the unit.
    ///
    /// # Errors
    /// `Duplicate` and `Referenced` of a declared rule. Those of a driver.
    pub async fn change(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
        self.enter()?;
        let changed = self.watched.statement(statement, self.transaction.execute(statement, args)).await?;
        self.failed = false;
        Ok(changed)
    }

    /// Runs a batch statement and returns the total number of changed rows. Without rows, no statement runs.
    ///
    /// # Errors
    /// As [`SqlUnit::change`].
    pub async fn change_many(
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

    /// Runs a statement and reads its rows. `read` takes the declared columns from left to right.
    ///
    /// # Errors
    /// Those of a driver, and that of `read`.
    pub async fn rows<T>(
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

    /// Runs a statement and reads its only row, if there is one.
    ///
    /// # Errors
    /// As [`SqlUnit::rows`].
    pub async fn row<T>(
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

    /// Fails the unit unless as many rows were changed as were wanted.
    ///
    /// # Errors
    /// `Stale`.
    pub fn all_or_stale(&mut self, changed: u64, wanted: usize) -> Result<(), StoreError> {
        let all = u64::try_from(wanted).is_ok_and(|wanted| wanted == changed);
        self.remember(if all { Ok(()) } else { Err(StoreError::Stale) })
    }

    /// Fails the unit if the result is an error that a repository found itself. Nothing of the unit is stored then.
    ///
    /// # Errors
    /// That of the result.
    pub fn remember<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.failed |= result.is_err();
        self.watched.remember(result.as_ref().err());
        result
    }

    /// Marks the unit as failed until the call has finished. An error and a canceled call then need no further code.
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
        let ended = self.watched.end(UnitOutcome::Committed, self.transaction.commit()).await;
        self.signals.announce(self.announcement);
        ended
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.watched.end(UnitOutcome::RolledBack, self.transaction.rollback()).await
    }
}
