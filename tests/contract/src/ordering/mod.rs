//! Clauses of orders, and of placing orders through the use case.

mod buying;
mod expiry;
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
    kernel::{Begin, Key, OutboxQueries, Page, PageRequest, Scope, StoreError, Transaction, TxMode},
    ordering::{OrderQueries, OrderRepository, OrderView, OrderingStore, OrderingTx, Overdue},
};
use skep_domain::shared::{Direction, OrderId, Timestamp};
use std::sync::Arc;

opens! { OrderingStore: OrderingTx }

part! {
    /// A store of orders. It does not need to have anything else.
    Orders of OrderingStore: OrdersUnit of OrderingTx { orders: OrderRepository }, OrderQueries
}

/// A store on which the use case places orders. Each store of the context that also lists its events implements it.
pub trait Sale: Send + Sync {
    /// Returns the store of the context.
    fn ordering(&self) -> &dyn OrderingStore;
    /// Returns the queries for the events that its units have appended.
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

#[async_trait]
impl OrderQueries for Opener {
    async fn find_order(&self, scope: Scope, id: OrderId) -> Result<Option<OrderView>, StoreError> {
        self.0.ordering().find_order(scope, id).await
    }
    async fn list_orders(
        &self,
        scope: Scope,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<OrderView>, StoreError> {
        self.0.ordering().list_orders(scope, direction, page).await
    }
    async fn list_overdue(
        &self,
        now: Timestamp,
        after: Option<Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        self.0.ordering().list_overdue(now, after, limit).await
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

/// The clauses of placing orders: as one unit, in parallel, repeated, and after lost answers. Also those of orders that
/// expire while they are paid, cancelled, or needed by others.
#[must_use]
pub fn buying() -> Vec<Clause<dyn Sale>> {
    [buying::clauses(), repeats::clauses(), expiry::clauses()].concat()
}

/// The clauses of the ports of ordering.
#[must_use]
pub fn clauses() -> Vec<Clause<dyn OrderingStore>> {
    of(orders(), |store| Arc::new(Whole(store)))
}

/// All clauses of ordering, for a whole store.
pub(crate) fn whole() -> Vec<Clause> {
    let part: Vec<Clause> = of(clauses(), |store| store);
    [part, of(buying(), |store| Arc::new(Whole(store)))].concat()
}
