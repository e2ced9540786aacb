//! Cancelling an order. The same commit releases the stock that the order had reserved.

use super::{OrderView, OrderingTx, held_stock};
use crate::kernel::{
    Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, refusal, use_case_error,
};
use skep_domain::{
    catalog::StockChanges,
    ordering::{InvalidTransition, Order, Trigger, actions, events::OrderCancelled},
    shared::{Action, OrderId},
};

/// Which order to cancel.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CancelOrderCommand {
    /// The order to cancel.
    pub order_id: OrderId,
    /// The version that the order must still have, if the caller names one. It is not part of the fingerprint, because
    /// released programs ignored it and have stored fingerprints without it.
    #[serde(skip)]
    pub precondition: Precondition,
}

refusal! {
    /// The order has been shipped or delivered, so it cannot be cancelled.
    NotCancellable {
        /// The status of the order, and the trigger that it does not allow.
        refusal: InvalidTransition,
    } = Conflict, "invalid_transition", "{refusal}";
}

use_case_error! {
    /// Why the order was not cancelled.
    CancelOrderError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        NotCancellable(NotCancellable),
    }
}

/// Cancels orders. An order that has already ended is returned as it is. An order that the actor may not see counts
/// as not found.
pub struct CancelOrder;

impl Command for CancelOrder {
    type Unit = dyn OrderingTx;
    type Input = CancelOrderCommand;
    type Plan = CancelOrderCommand;
    type Target = Order;
    type Answer = OrderView;
    type Error = CancelOrderError;

    const NAME: &'static str = "ordering.cancel_order";
    const ACTION: Action = actions::CANCEL_ORDER;
    const SEEN_BY: Action = actions::READ_ORDER;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.order_id.uuid()]);
        Ok(input)
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Order, Self::Error> {
        Ok(unit.orders().find(plan.order_id).await?.ok_or(NotFound("order"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut order: Authorized<'_, Order>,
    ) -> Result<OrderView, Self::Error> {
        plan.precondition.allow(order.version)?;
        let now = order.now();
        if let Some(change) = order.apply(Trigger::Cancel, now).map_err(|refusal| NotCancellable { refusal })? {
            order.version = unit.orders().save(&order).await?;
            held_stock::give_back(unit, &order, StockChanges::release).await?;
            let event = OrderCancelled::of(&order, &change);
            order.record(unit.outbox(), &event, order.version, change.at).await?;
        }
        Ok(OrderView::from(&*order))
    }

    fn hidden(_: Denied) -> Self::Error {
        NotFound("order").into()
    }
}

#[cfg(test)]
mod tests;
