//! Clauses of units of work in general.

mod cancellation;
mod commits;
mod contexts;
mod errors;
mod refusals;
mod undo;
mod visibility;

use crate::{
    clause::{Clause, of},
    part::Whole,
    units::Opens,
};
use async_trait::async_trait;
use skep_application::{
    Store,
    catalog::{CatalogStore, CatalogTx},
    kernel::{Key, OutboxQueries, StoreError, TxMode},
};
use std::sync::Arc;

/// A store on whose catalog the clauses of units of work run. Each store of the catalog that also lists its events
/// implements it.
pub trait CatalogUnits: Send + Sync {
    /// Returns the store of the catalog.
    fn catalog(&self) -> &dyn CatalogStore;
    /// Returns the queries for the events that its units have appended.
    fn events(&self) -> &dyn OutboxQueries;
}

impl<S: CatalogStore + OutboxQueries> CatalogUnits for S {
    fn catalog(&self) -> &dyn CatalogStore {
        self
    }
    fn events(&self) -> &dyn OutboxQueries {
        self
    }
}

impl CatalogUnits for Whole<Arc<dyn Store>> {
    fn catalog(&self) -> &dyn CatalogStore {
        &*self.0
    }
    fn events(&self) -> &dyn OutboxQueries {
        &*self.0
    }
}

#[async_trait]
impl Opens for dyn CatalogUnits + '_ {
    type Unit = dyn CatalogTx;

    async fn open(&self, mode: TxMode, contended: &[Key]) -> Result<Box<dyn CatalogTx>, StoreError> {
        self.catalog().begin(mode, contended).await
    }
}

/// The clauses of units of work, which run on the catalog.
#[must_use]
pub fn clauses() -> Vec<Clause<dyn CatalogUnits>> {
    [
        visibility::clauses(),
        undo::clauses(),
        errors::clauses(),
        commits::clauses(),
        cancellation::clauses(),
        refusals::clauses(),
    ]
    .concat()
}

/// All clauses of units of work, for a whole store.
pub(crate) fn whole() -> Vec<Clause> {
    [of(clauses(), |store| Arc::new(Whole(store))), contexts::clauses()].concat()
}
