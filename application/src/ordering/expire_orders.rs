//! Ending orders that were not paid in time.

use super::{OrderQueries, OrderingTx, held_stock};
use crate::kernel::{
    Actor, Attempt, Authorized, Call, Command, Commands, Denied, KeyReused, NotFound, StoreError, Sweep, UseCase,
    use_case_error,
};
use async_trait::async_trait;
use skep_domain::{
    catalog::StockChanges,
    ordering::{Order, actions, events::OrderExpired},
    shared::{Action, OrderId, Timestamp},
};
use std::sync::Arc;

use_case_error! {
    /// Why the order was not ended.
    ExpireOrderError {
        Denied(Denied),
        NotFound(NotFound),
        KeyReused(KeyReused),
    }
}

/// Ends an order that was not paid in time, and its reservations with it. Returns whether it did: an order that was
/// paid, cancelled or ended meanwhile stays as it is, and so does one whose time has not come.
pub struct ExpireOrder;

impl Command for ExpireOrder {
    type Unit = dyn OrderingTx;
    type Input = OrderId;
    type Plan = OrderId;
    type Target = Order;
    type Answer = bool;
    type Error = ExpireOrderError;

    const NAME: &'static str = "ordering.expire_order";
    const ACTION: Action = actions::EXPIRE_ORDER;

    async fn plan(&self, call: &mut Call<'_>, order_id: OrderId) -> Result<OrderId, Self::Error> {
        call.contend([order_id.uuid()]);
        Ok(order_id)
    }

    async fn load(&self, order_id: &OrderId, unit: &mut Self::Unit) -> Result<Order, Self::Error> {
        Ok(unit.orders().find(*order_id).await?.ok_or(NotFound("order"))?)
    }

    async fn write(
        &self,
        _: &OrderId,
        unit: &mut Self::Unit,
        mut order: Authorized<'_, Order>,
    ) -> Result<bool, Self::Error> {
        let now = order.now();
        let Some(change) = order.expire(now) else { return Ok(false) };
        order.version = unit.orders().save(&order).await?;
        held_stock::give_back(unit, &order, StockChanges::expire).await?;
        order.record(unit.outbox(), &OrderExpired::of(&order), order.version, change.at).await?;
        Ok(true)
    }
}

/// Ends the orders that were not paid in time, each in its own unit of work.
pub struct ExpireOrders {
    orders: Arc<dyn OrderQueries>,
    expire_order: UseCase<ExpireOrder>,
}

impl ExpireOrders {
    /// Finds the orders in `orders` and ends them with `commands`.
    #[must_use]
    pub fn new(orders: Arc<dyn OrderQueries>, commands: &Commands<dyn OrderingTx>) -> Self {
        Self { orders, expire_order: UseCase::new(ExpireOrder, commands) }
    }
}

#[async_trait]
impl Sweep for ExpireOrders {
    fn name(&self) -> &'static str {
        "unpaid orders"
    }

    /// An order that cannot be ended does not keep the others from being ended.
    async fn batch(&self, _: Attempt, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let (actor, mut ended, mut failed) = (Actor::system("sweep"), 0, Ok(()));
        for order in self.orders.list_overdue(now, limit).await? {
            match self.expire_order.execute(&actor, order).await {
                Ok(expired) => ended += u64::from(expired),
                Err(ExpireOrderError::Store(error)) => failed = failed.and(Err(error)),
                Err(refusal) => failed = failed.and(Err(StoreError::Corrupt(refusal.into()))),
            }
        }
        failed.map(|()| ended)
    }
}

#[cfg(test)]
mod tests;
