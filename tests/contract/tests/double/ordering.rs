//! Orders.

use super::{
    Done, Double, Flaw, Unit,
    queries::page,
    table::{Row, unique},
};
use async_trait::async_trait;
use skep_application::{
    kernel::{Constraint, Page, PageRequest, Scope},
    ordering::{
        OrderQueries, OrderRepository, OrderView,
        constraints::{ORDER_ID, ORDER_LINE, ORDER_NUMBER},
    },
};
use skep_domain::{
    ordering::{Order, OrderLine},
    shared::{Direction, OrderId, Version},
};

impl Row for Order {
    type Key = OrderId;
    const KEY: Constraint = ORDER_ID;
    fn key(&self) -> OrderId {
        self.id
    }
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }
    fn clash(&self, other: &Self) -> Option<Constraint> {
        (self.number == other.number).then_some(ORDER_NUMBER)
    }
    fn kept(&self, stored: Option<&Self>, flaw: Flaw) -> Self {
        let whole = stored.filter(|_| flaw != Flaw::SavesLines).unwrap_or(self).clone();
        Self { progress: self.progress, updated_at: self.updated_at, ..whole }
    }
}

#[async_trait]
impl OrderRepository for Unit {
    async fn find(&mut self, id: OrderId) -> Done<Option<Order>> {
        self.run(|state, flaw| {
            let mut found = state.orders.get(&id).cloned();
            if flaw == Flaw::SortsLines {
                found.iter_mut().for_each(|order| order.lines.sort_by_key(|line| line.product_id));
            }
            Ok(found)
        })
        .await
    }
    async fn insert(&mut self, order: &Order) -> Done<()> {
        self.run(|state, flaw| {
            let twice =
                |line: &OrderLine| order.lines.iter().filter(|one| one.product_id == line.product_id).count() > 1;
            unique(order.lines.iter().any(twice).then_some(ORDER_LINE), flaw)?;
            state.orders.insert(order, flaw)
        })
        .await
    }
    async fn save(&mut self, order: &Order) -> Done<Version> {
        self.run(|state, flaw| state.orders.save(order, flaw)).await
    }
}

#[async_trait]
impl OrderQueries for Double {
    async fn find_order(&self, scope: Scope, id: OrderId) -> Done<Option<OrderView>> {
        let state = self.seen();
        let order = state.orders.get(&id);
        let admits = |customer| scope.admits(customer) || self.flaw == Flaw::IgnoresScopes;
        Ok(order.filter(|order| admits(order.customer_id)).map(OrderView::from))
    }
    async fn list_orders(&self, scope: Scope, direction: Direction, request: &PageRequest) -> Done<Page<OrderView>> {
        let state = self.seen();
        let within = |customer| scope.admits(customer) || self.flaw == Flaw::IgnoresScopes;
        let orders = state.orders.values().filter(|order| within(order.customer_id));
        let rows = orders.map(OrderView::from).collect();
        Ok(page(rows, OrderView::position, |order| order.lines.len(), direction, request, self.flaw))
    }
}
