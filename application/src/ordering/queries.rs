//! Reading orders.

use super::{OrderQueries, OrderView};
use crate::kernel::{Actor, Clock, GetError, ListError, LongList, NotFound, Page, PageRequest, Reader, Scope};
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
pub struct ListOrders {
    orders: Reader<dyn OrderQueries>,
    /// About the orders of all users.
    length: LongList,
}

impl ListOrders {
    /// Reads from this store. The clock decides how long the list counts as a long one.
    #[must_use]
    pub fn new(orders: Arc<dyn OrderQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { orders: Reader::new(actions::READ_ORDER, orders), length: LongList::new(clock) }
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
        match self.orders.scoped(actor)? {
            (_, Scope::None) => Ok(Page::empty(page)),
            (orders, Scope::All) => {
                let asked = self.length.ask(page);
                Ok(self.length.complete(page, &asked, orders.list_orders(Scope::All, direction, &asked).await?))
            }
            (orders, scope) => Ok(orders.list_orders(scope, direction, page).await?),
        }
    }
}

#[cfg(test)]
mod tests;
