//! Orders, and buying as the application does it.

mod buying;
mod orders;
mod queries;
mod repeats;

use crate::{
    clause::{Clause, Given, of},
    part::{Whole, part},
    units::{Opens, opens},
};
use async_trait::async_trait;
use skep_application::{
    Store,
    kernel::{Begin, Key, OutboxQueries, StoreError, Transaction, TxMode},
    ordering::{OrderQueries, OrderRepository, OrderingStore, OrderingTx},
};
use std::sync::Arc;

opens! { OrderingStore: OrderingTx }

part! {
    /// A store of orders, which may have nothing else.
    Orders of OrderingStore: OrdersUnit of OrderingTx { orders: OrderRepository }, OrderQueries
}

/// A store on which orders are placed by the use case itself. Every store of the context that also lists its events is
/// one.
pub trait Sale: Send + Sync {
    /// The store of the context.
    fn ordering(&self) -> &dyn OrderingStore;
    /// What its units have appended to the outbox.
    fn events(&self) -> &dyn OutboxQueries;
}

impl<S: OrderingStore + OutboxQueries> Sale for S {
    fn ordering(&self) -> &dyn OrderingStore {
        self
    }
    fn events(&self) -> &dyn OutboxQueries {
        self
    }
}

impl Sale for Whole<Arc<dyn Store>> {
    fn ordering(&self) -> &dyn OrderingStore {
        &*self.0
    }
    fn events(&self) -> &dyn OutboxQueries {
        &*self.0
    }
}

#[async_trait]
impl Opens for dyn Sale + '_ {
    type Unit = dyn OrderingTx;

    async fn open(&self, mode: TxMode, contended: &[Key]) -> Result<Box<dyn OrderingTx>, StoreError> {
        self.ordering().begin(mode, contended).await
    }
}

/// Opens units of work for the use case.
struct Opener(Arc<dyn Sale>);

#[async_trait]
impl Begin<dyn OrderingTx> for Opener {
    async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<dyn OrderingTx>, StoreError> {
        self.0.open(mode, contended).await
    }
}

fn opener(given: &Given<dyn Sale>) -> Arc<dyn Begin<dyn OrderingTx>> {
    Arc::new(Opener(given.store.clone()))
}

/// The clauses of `OrderRepository` and `OrderQueries`.
#[must_use]
pub fn orders() -> Vec<Clause<dyn Orders>> {
    [orders::clauses(), queries::clauses()].concat()
}

/// What must hold when orders are placed: together, in parallel, repeated, and over lost answers.
#[must_use]
pub fn buying() -> Vec<Clause<dyn Sale>> {
    [buying::clauses(), repeats::clauses()].concat()
}

/// The clauses of the context.
#[must_use]
pub fn clauses() -> Vec<Clause<dyn OrderingStore>> {
    of(orders(), |store| Arc::new(Whole(store)))
}

/// Every clause about orders, for a whole store.
pub(crate) fn whole() -> Vec<Clause> {
    let part: Vec<Clause> = of(clauses(), |store| store);
    [part, of(buying(), |store| Arc::new(Whole(store)))].concat()
}
