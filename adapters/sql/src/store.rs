//! The store: units of work and queries over one database.

use super::{Row, SqlDatabase, SqlSet, SqlStep, SqlUnit, Statement, Value, observe::Observer, operations::SETS};
use skep_application::{
    kernel::{Clock, Key, StoreError, TxMode, Units},
    operations::{MigrationError, Schedule},
};
use std::sync::Arc;

/// Everything that Skep stores, in one SQL database; a [`skep_application::Store`].
#[derive(Clone)]
pub struct SqlStore {
    pub(crate) database: Arc<dyn SqlDatabase>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) schedule: Arc<Schedule<SqlStep>>,
    observer: Arc<Observer>,
}

impl SqlStore {
    /// A store in this database. The clock tells when migrations were applied. Whoever records metrics installs the
    /// recorder before.
    #[must_use]
    pub fn new(database: Arc<dyn SqlDatabase>, clock: Arc<dyn Clock>) -> Self {
        let observer = Observer::new(database.engine());
        Self { database, clock, schedule: Arc::new(Schedule::new(SETS)), observer }
    }

    /// The same store for a program that brings migrations of its own: its sets run after ours, in this order. Their
    /// tables are its own.
    ///
    /// # Errors
    /// `Misdeclared`: for example, one of the names is taken.
    pub fn with_sets(mut self, sets: &[SqlSet]) -> Result<Self, MigrationError> {
        self.schedule = Arc::new(Schedule::clone(&self.schedule).and(sets)?);
        Ok(self)
    }

    /// Reads rows, outside of any unit of work.
    pub(crate) async fn rows<T>(
        &self,
        statement: &'static Statement,
        args: Vec<Value>,
        read: fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.observer.read(statement, self.database.read(statement, args)).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Reads a row, if there is one.
    pub(crate) async fn row<T>(
        &self,
        statement: &'static Statement,
        args: Vec<Value>,
        read: fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut rows = self.observer.read(statement, self.database.read(statement, args)).await?;
        rows.pop().map(|mut row| read(&mut row)).transpose()
    }

    /// Reads a number of rows.
    pub(crate) async fn count(&self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
        let count = self.row(statement, args, Row::int).await?;
        let count = count.and_then(|count| u64::try_from(count).ok());
        count.ok_or_else(|| StoreError::Corrupt(format!("{}: no number", statement.name).into()))
    }
}

impl Units for SqlStore {
    type Unit = SqlUnit;

    async fn open(&self, mode: TxMode, contended: &[Key]) -> Result<SqlUnit, StoreError> {
        let mut watched = self.observer.unit();
        let transaction = watched.begin(self.database.begin(mode, contended)).await?;
        Ok(SqlUnit::new(transaction, mode, watched))
    }
}
