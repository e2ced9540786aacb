//! Calling an order off: what it had reserved goes back on the shelf in the same commit.

use super::{OrderView, OrderingTx};
use crate::kernel::{
    Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, StoreError, Unmet, refusal, use_case_error,
};
use skep_domain::{
    catalog::StockChanges,
    ordering::{InvalidTransition, Order, Trigger, actions, events::OrderCancelled},
    shared::{Action, OrderId, ProductId},
};

/// Which order to call off.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CancelOrderCommand {
    /// The order.
    pub order_id: OrderId,
    /// The version that must still be there, if any is named. Not in the fingerprint: released programs, which ignored
    /// it, have stored answers without it.
    #[serde(skip)]
    pub precondition: Precondition,
}

refusal! {
    /// The order has come too far to be cancelled.
    NotCancellable {
        /// The transition.
        refusal: InvalidTransition,
    } = Conflict, "invalid_transition", "{refusal}";
}

use_case_error! {
    /// Why an order was not called off.
    CancelOrderError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        NotCancellable(NotCancellable),
    }
}

/// Cancels orders. An order that is cancelled already is answered as it is. An order that the actor may not see is not
/// found.
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
            release(unit, &order).await?;
            let event = OrderCancelled::of(&order, &change);
            order.record(unit.outbox(), &event, order.version, change.at).await?;
        }
        Ok(OrderView::from(&*order))
    }

    fn hidden(_: Denied) -> Self::Error {
        NotFound("order").into()
    }
}

/// Ends what the order still holds (I9). Levels are locked first, in order, and reservations are read after that, so that
/// none can have ended meanwhile.
async fn release(unit: &mut dyn OrderingTx, order: &Authorized<'_, Order>) -> Result<(), StoreError> {
    let held = unit.stock().list_reservations(order.id).await?;
    let mut products: Vec<ProductId> = held.iter().map(|reservation| reservation.product_id).collect();
    products.sort();
    let levels = unit.stock().find_many(&products).await?;
    let held = unit.stock().list_reservations(order.id).await?;
    let released = StockChanges::release(levels, held, order.now(), &mut || order.new_id());
    let released = released
        .map_err(|mismatch| StoreError::corrupt("reservations", mismatch.0, "does not agree with the stock"))?;
    if released.is_empty() {
        return Ok(());
    }
    unit.stock().save_many(&released.levels).await?;
    unit.stock().end_reservations(&released.ended).await?;
    unit.stock().append_movements(&released.movements).await
}

#[cfg(test)]
mod tests;
