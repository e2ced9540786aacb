//! The store: units of work and queries over one database.

use super::{
    Declared, Misdeclared, Row, SqlDatabase, SqlSet, SqlStep, SqlUnit, Statement, Value, declared::ours,
    observe::Observer, operations::SETS,
};
use skep_application::{
    kernel::{Clock, Key, Signaling, Signals, StoreError, TxMode, Units, WakeUps},
    operations::{MigrationError, Schedule},
};
use std::sync::Arc;

/// All data of Skep in one SQL database. Implements [`skep_application::Store`].
#[derive(Clone)]
pub struct SqlStore {
    pub(crate) database: Arc<dyn SqlDatabase>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) schedule: Arc<Schedule<SqlStep>>,
    pub(crate) declared: Arc<Declared>,
    observer: Arc<Observer>,
    signals: Arc<Signals>,
}

impl SqlStore {
    /// A store in this database. The clock provides the time at which a migration is applied. Install a metrics
    /// recorder, if there is one, before this call.
    #[must_use]
    pub fn new(database: Arc<dyn SqlDatabase>, clock: Arc<dyn Clock>) -> Self {
        let declared = ours();
        let observer = Observer::new(database.engine(), &declared);
        Self { database, clock, schedule: Arc::new(Schedule::new(SETS)), declared, observer, signals: Arc::default() }
    }

    /// Adds the migrations of a host program. Its sets run after ours, in this order, and own their tables.
    ///
    /// # Errors
    /// `Misdeclared`, for example if a name is already in use.
    pub fn with_sets(mut self, sets: &[SqlSet]) -> Result<Self, MigrationError> {
        self.schedule = Arc::new(Schedule::clone(&self.schedule).and(sets)?);
        Ok(self)
    }

    /// Adds the tables of a host program, with their statements. The store then names their rules in `Duplicate` and
    /// `Referenced`, also where a deletion of ours meets a row of theirs, and times their statements. Install a metrics
    /// recorder, if there is one, before this call.
    ///
    /// # Errors
    /// [`Misdeclared`], for example if a table or a rule has the name of one of ours.
    pub fn with_tables(mut self, tables: Declared) -> Result<Self, Misdeclared> {
        let declared = Declared::clone(&self.declared).and(tables);
        declared.check()?;
        self.observer = Observer::new(self.database.engine(), &declared);
        self.declared = Arc::new(declared);
        Ok(self)
    }

    /// Runs a reading statement outside of any unit of work, and reads its rows. `read` takes the declared columns from
    /// left to right.
    ///
    /// # Errors
    /// Those of a driver, and that of `read`.
    pub async fn rows<T>(
        &self,
        statement: &'static Statement,
        args: Vec<Value>,
        read: fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.observer.read(statement, self.database.read(statement, args)).await?;
        rows.into_iter().map(|mut row| read(&mut row)).collect()
    }

    /// Runs a reading statement outside of any unit of work, and reads its only row, if there is one.
    ///
    /// # Errors
    /// As [`SqlStore::rows`].
    pub async fn row<T>(
        &self,
        statement: &'static Statement,
        args: Vec<Value>,
        read: fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut rows = self.observer.read(statement, self.database.read(statement, args)).await?;
        rows.pop().map(|mut row| read(&mut row)).transpose()
    }

    /// Runs a statement that counts rows.
    ///
    /// # Errors
    /// As [`SqlStore::rows`]. `Corrupt` if the answer is not a count.
    pub async fn count(&self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
        let count = self.row(statement, args, Row::count).await?;
        count.ok_or_else(|| StoreError::Corrupt(format!("{}: no number", statement.name).into()))
    }
}

impl Signaling for SqlStore {
    fn signals(&self) -> &Signals {
        &self.signals
    }

    fn wake_ups(&self) -> Option<&dyn WakeUps> {
        self.database.wake_ups()
    }
}

impl Units for SqlStore {
    type Unit = SqlUnit;

    async fn open(&self, mode: TxMode, contended: &[Key]) -> Result<SqlUnit, StoreError> {
        let mut watched = self.observer.unit();
        let transaction = watched.begin(self.database.begin(mode, contended, &self.declared)).await?;
        Ok(SqlUnit::new(transaction, mode, watched, Arc::clone(&self.signals)))
    }
}
