//! The store: units of work and queries over one database.

use super::{Row, SqlDatabase, SqlSet, SqlStep, SqlUnit, Statement, Value, observe::Observer, operations::SETS};
use skep_application::{
    kernel::{Clock, Key, StoreError, TxMode, Units},
    operations::{MigrationError, Schedule},
};
use std::sync::Arc;

/// All data of Skep in one SQL database. Implements [`skep_application::Store`].
#[derive(Clone)]
pub struct SqlStore {
    pub(crate) database: Arc<dyn SqlDatabase>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) schedule: Arc<Schedule<SqlStep>>,
    observer: Arc<Observer>,
}

impl SqlStore {
    /// A store in this database. The clock provides the time at which a migration is applied. Install a metrics
    /// recorder, if there is one, before this call.
    #[must_use]
    pub fn new(database: Arc<dyn SqlDatabase>, clock: Arc<dyn Clock>) -> Self {
        let observer = Observer::new(database.engine());
        Self { database, clock, schedule: Arc::new(Schedule::new(SETS)), observer }
    }

    /// Adds the migrations of a host program. Its sets run after ours, in this order, and own their tables.
    ///
    /// # Errors
    /// `Misdeclared`, for example if a name is already in use.
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

    /// Runs a statement that counts rows.
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
