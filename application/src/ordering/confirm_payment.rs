//! Confirming that an order was paid, for example by a bank transfer that a member of staff has seen.

use super::{OrderView, OrderingTx, held_stock};
use crate::kernel::{
    Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, StoreError, Unmet, refusal, use_case_error,
};
use skep_domain::{
    ordering::{Order, Trigger, actions, events::OrderPaid},
    shared::{Action, OrderId},
};

/// The order that was paid.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ConfirmPaymentCommand {
    /// The order whose whole total was paid.
    pub order_id: OrderId,
    /// The version that the order must still have, if the caller names one.
    pub precondition: Precondition,
}

refusal! {
    /// The order was not paid in time, and other orders have got its pieces. It ends soon.
    ReservationExpired = Conflict, "reservation_expired";
}

use_case_error! {
    /// Why the payment was not recorded.
    ConfirmPaymentError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        ReservationExpired(ReservationExpired),
    }
}

/// Records payments. A paid order keeps its pieces until it is shipped or cancelled. An order that is already paid is
/// returned as it is. If the order has ended before, its status stays, and the event says that the money must be given
/// back.
///
/// A payment that comes late, but before any other order needed the pieces and before the order was ended, counts.
pub struct ConfirmPayment;

impl Command for ConfirmPayment {
    type Unit = dyn OrderingTx;
    type Input = ConfirmPaymentCommand;
    type Plan = ConfirmPaymentCommand;
    type Target = Order;
    type Answer = OrderView;
    type Error = ConfirmPaymentError;

    const NAME: &'static str = "ordering.confirm_payment";
    const ACTION: Action = actions::CONFIRM_PAYMENT;
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
        let (now, expires) = (order.now(), order.expires_at.is_some());
        // The table of transitions accepts a payment in every status.
        let change = order.apply(Trigger::PaymentCaptured, now);
        let change = change.map_err(|refusal| StoreError::corrupt("orders", plan.order_id, &refusal.to_string()))?;
        if let Some(change) = change {
            order.version = unit.orders().save(&order).await?;
            if expires && !held_stock::keep(unit, &order).await? {
                return Err(ReservationExpired.into());
            }
            order.record(unit.outbox(), &OrderPaid::of(&order, &change), order.version, change.at).await?;
        }
        Ok(OrderView::from(&*order))
    }

    fn hidden(_: Denied) -> Self::Error {
        NotFound("order").into()
    }
}

#[cfg(test)]
mod tests;
