//! The store: units of work and queries over one database.

use super::{Row, SqlDatabase, SqlUnit, Statement, Value, observe::Observer};
use skep_application::{
    catalog::CatalogTx,
    identity::IdentityTx,
    kernel::{Clock, Key, StoreError, TxMode},
    operations::OperationsTx,
    ordering::OrderingTx,
};
use std::sync::Arc;

/// Everything that Skep stores, in one SQL database; a [`skep_application::operations::Store`].
#[derive(Clone)]
pub struct SqlStore {
    pub(crate) database: Arc<dyn SqlDatabase>,
    pub(crate) clock: Arc<dyn Clock>,
    observer: Arc<Observer>,
}

skep_application::begins!(SqlStore: dyn IdentityTx, dyn CatalogTx, dyn OrderingTx, dyn OperationsTx);

impl SqlStore {
    /// A store in this database. The clock tells when migrations were applied. Whoever records metrics installs the
    /// recorder before.
    #[must_use]
    pub fn new(database: Arc<dyn SqlDatabase>, clock: Arc<dyn Clock>) -> Self {
        let observer = Observer::new(database.engine());
        Self { database, clock, observer }
    }

    /// Opens a unit of work.
    pub(crate) async fn open(&self, mode: TxMode, contended: &[Key]) -> Result<SqlUnit, StoreError> {
        let mut watched = self.observer.unit();
        let transaction = watched.begin(self.database.begin(mode, contended)).await?;
        Ok(SqlUnit::new(transaction, mode, watched))
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
