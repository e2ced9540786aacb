//! Orders.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules, page};
use async_trait::async_trait;
use skep_application::{
    kernel::{Page, PageRequest, Scope, StoreError},
    ordering::{
        LINES_PER_PAGE, OrderQueries, OrderRepository, OrderView, Overdue,
        constraints::{ORDER_ID, ORDER_LINE, ORDER_NUMBER},
    },
};
use skep_domain::{
    ordering::{Order, OrderStatus},
    shared::{Direction, OrderId, Timestamp, UserId, Version},
};
use std::collections::BTreeSet;

impl Row for Order {
    type Key = OrderId;
    const RULES: Rules<Self> = Rules {
        unique: &[(ORDER_NUMBER, |one, other| one.number == other.number)],
        saved: |order, stored| {
            let (progress, expires_at, updated_at) = (order.progress, order.expires_at, order.updated_at);
            Self { progress, expires_at, updated_at, ..stored.clone() }
        },
        ..Rules::of(ORDER_ID, |order| order.id, |order| &mut order.version)
    };
}

#[async_trait]
impl OrderRepository for MemoryUnit {
    async fn find(&mut self, id: OrderId) -> Done<Option<Order>> {
        self.run(|state| Ok(state.orders.get(id).cloned())).await
    }
    async fn count_open_lines(&mut self, customer: UserId, now: Timestamp) -> Done<u64> {
        self.run(|state| {
            let is_open = |order: &&Order| {
                let waits = order.status() == OrderStatus::Pending && order.expires_at.is_none_or(|end| now < end);
                order.customer_id == customer && waits
            };
            Ok(state.orders.rows().filter(is_open).map(|order| order.lines.len() as u64).sum())
        })
        .await
    }
    async fn insert(&mut self, order: &Order) -> Done<()> {
        self.run(|state| {
            let products: BTreeSet<_> = order.lines.iter().map(|line| line.product_id).collect();
            if products.len() < order.lines.len() {
                return Err(StoreError::Duplicate { constraint: ORDER_LINE });
            }
            state.orders.insert(order)
        })
        .await
    }
    async fn save(&mut self, order: &Order) -> Done<Version> {
        self.run(|state| state.orders.save(order)).await
    }
}

#[async_trait]
impl OrderQueries for MemoryStore {
    async fn find_order(&self, scope: Scope, id: OrderId) -> Done<Option<OrderView>> {
        Ok(self.state().orders.get(id).filter(|order| scope.admits(order.customer_id)).map(OrderView::from))
    }
    async fn list_orders(&self, scope: Scope, direction: Direction, request: &PageRequest) -> Done<Page<OrderView>> {
        let state = self.state();
        let rows = state.orders.rows().filter(|order| scope.admits(order.customer_id)).map(OrderView::from);
        Ok(page(rows, OrderView::position, direction, request, LINES_PER_PAGE, |order| order.lines.len()))
    }
    async fn list_overdue(&self, now: Timestamp, after: Option<Overdue>, limit: u32) -> Done<Vec<Overdue>> {
        let state = self.state();
        let timed = |order: &Order| order.expires_at.map(|expires_at| Overdue { expires_at, id: order.id });
        let waiting = state.orders.rows().filter(|order| order.status() == OrderStatus::Pending);
        let overdue = waiting.filter_map(timed).filter(|order| order.expires_at <= now);
        let mut found: Vec<_> = overdue.filter(|order| after.is_none_or(|after| after < *order)).collect();
        found.sort();
        found.truncate(limit as usize);
        Ok(found)
    }
}
