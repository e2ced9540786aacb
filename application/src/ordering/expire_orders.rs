//! Ending orders that were not paid in time.

use super::{OrderQueries, OrderingTx, held_stock};
use crate::kernel::{
    Actor, Authorized, Call, Command, Commands, Denied, KeyReused, NotFound, Round, StoreError, SweepAll, UseCase,
    use_case_error,
};
use async_trait::async_trait;
use skep_domain::{
    catalog::StockChanges,
    ordering::{Order, actions, events::OrderExpired},
    shared::{Action, OrderId},
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
impl SweepAll for ExpireOrders {
    fn name(&self) -> &'static str {
        "unpaid orders"
    }

    /// Goes through all overdue orders once, so that those that cannot be ended never fill a batch again. A store that
    /// does not work ends the round.
    async fn sweep_all(&self, round: &mut Round<'_>) -> Result<(), StoreError> {
        let (actor, mut last, mut failed) = (Actor::system("sweep"), None, Ok(()));
        loop {
            let overdue = match self.orders.list_overdue(round.now, last, round.limit).await {
                Ok(overdue) => overdue,
                Err(error) => return failed.and(Err(error)),
            };
            for order in &overdue {
                if round.is_stopped() {
                    return failed;
                }
                match self.expire_order.execute(&actor, order.id).await {
                    Ok(expired) => round.swept += u64::from(expired),
                    Err(error) => {
                        let stops = !concerns_one_order(&error);
                        failed = failed.and(Err(store_error(error)));
                        if stops {
                            return failed;
                        }
                    }
                }
            }
            // Fewer than were asked for: there are no others. The number that was ended says nothing, because another
            // instance may have ended the others.
            if overdue.len() < round.limit as usize {
                return failed;
            }
            last = overdue.last().copied();
        }
    }
}

/// Whether the next order may succeed. After an order that others have locked for too long, it may; if the store does
/// not answer or is full, it cannot.
fn concerns_one_order(error: &ExpireOrderError) -> bool {
    use StoreError::{Full, OutcomeUnknown, Retry, Stale, Unavailable};
    match error {
        ExpireOrderError::Store(Unavailable(cause)) => {
            matches!(cause.downcast_ref(), Some(ExpireOrderError::Store(Retry(_) | Stale)))
        }
        ExpireOrderError::Store(OutcomeUnknown(_) | Full(_)) => false,
        _ => true,
    }
}

fn store_error(error: ExpireOrderError) -> StoreError {
    match error {
        ExpireOrderError::Store(error) => error,
        refusal => StoreError::Corrupt(refusal.into()),
    }
}

#[cfg(test)]
mod tests;
