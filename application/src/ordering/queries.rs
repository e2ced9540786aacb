//! Reading orders.

use super::{OrderQueries, OrderView};
use crate::kernel::{Actor, Denied, NotFound, Page, PageRequest, Scope, permit, scope, use_case_error};
use skep_domain::{
    ordering::actions,
    shared::{Direction, OrderId},
};
use std::sync::Arc;

use_case_error! {
    /// Why an order is not shown.
    GetOrderError {
        Denied(Denied),
        NotFound(NotFound),
    }
}

use_case_error! {
    /// Why orders are not listed.
    ListOrdersError {
        Denied(Denied),
    }
}

/// Shows an order.
pub struct GetOrder {
    orders: Arc<dyn OrderQueries>,
}

impl GetOrder {
    /// Shows orders of this store.
    #[must_use]
    pub fn new(orders: Arc<dyn OrderQueries>) -> Self {
        Self { orders }
    }

    /// The order.
    ///
    /// # Errors
    /// [`GetOrderError`]; somebody else's order is not found.
    pub async fn execute(&self, actor: &Actor, id: OrderId) -> Result<OrderView, GetOrderError> {
        permit(actor, actions::READ_ORDER)?;
        let order = self.orders.find_order(scope(actor, actions::READ_ORDER), id).await?;
        Ok(order.ok_or(NotFound("order"))?)
    }
}

/// Lists orders.
pub struct ListOrders {
    orders: Arc<dyn OrderQueries>,
}

impl ListOrders {
    /// Lists orders of this store.
    #[must_use]
    pub fn new(orders: Arc<dyn OrderQueries>) -> Self {
        Self { orders }
    }

    /// A page of the orders that the actor may see: one's own, or all of them.
    ///
    /// # Errors
    /// [`ListOrdersError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<OrderView>, ListOrdersError> {
        permit(actor, actions::READ_ORDER)?;
        match scope(actor, actions::READ_ORDER) {
            Scope::None => Ok(Page::empty(page)),
            scope => Ok(self.orders.list_orders(scope, direction, page).await?),
        }
    }
}

#[cfg(test)]
mod tests;
