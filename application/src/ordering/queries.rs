//! Reading orders.

use super::{OrderQueries, OrderView};
use crate::kernel::{Actor, GetError, ListError, NotFound, Page, PageRequest, Reader, Scope};
use skep_domain::{
    ordering::actions,
    shared::{Direction, OrderId},
};
use std::sync::Arc;

/// Returns one order. Users find only their own orders; admins find all.
pub struct GetOrder(Reader<dyn OrderQueries>);

impl GetOrder {
    /// Reads from this store.
    #[must_use]
    pub fn new(orders: Arc<dyn OrderQueries>) -> Self {
        Self(Reader::new(actions::READ_ORDER, orders))
    }

    /// Reads the order with this id. An order that the actor may not see counts as not found.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor, id: OrderId) -> Result<OrderView, GetError> {
        let (orders, scope) = self.0.scoped(actor)?;
        Ok(orders.find_order(scope, id).await?.ok_or(NotFound("order"))?)
    }
}

/// Returns pages of orders. Users see only their own orders; admins see all.
pub struct ListOrders(Reader<dyn OrderQueries>);

impl ListOrders {
    /// Reads from this store.
    #[must_use]
    pub fn new(orders: Arc<dyn OrderQueries>) -> Self {
        Self(Reader::new(actions::READ_ORDER, orders))
    }

    /// Reads a page of the orders that the actor may see.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<OrderView>, ListError> {
        match self.0.scoped(actor)? {
            (_, Scope::None) => Ok(Page::empty(page)),
            (orders, scope) => Ok(orders.list_orders(scope, direction, page).await?),
        }
    }
}

#[cfg(test)]
mod tests;
