//! Calling an order off: what it had reserved goes back on the shelf in the same commit.

use super::{OrderView, OrderingTx};
use crate::kernel::{
    Actor, AppError, Attempt, Authorized, Begin, Denied, ErrorKind, Fingerprints, IdempotencyClaim, IdempotencyKey,
    Key, KeyReused, Mark, NotFound, OutboxEvent, Runtime, StoreError, TxMode, authorize, once, permit, run,
    use_case_error,
};
use serde_json::json;
use skep_domain::{
    access::Resource,
    catalog::ReservationState,
    ordering::{InvalidTransition, Order, PaymentState, StatusChange, Trigger, actions},
    shared::{EventId, MovementId, OrderId, ProductId, Timestamp, Version},
};
use std::sync::Arc;

const USE_CASE: &str = "ordering.cancel_order";

/// Which order to call off.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CancelOrderCommand {
    /// The order.
    pub order_id: OrderId,
    /// Makes the command happen once, however often it is sent.
    #[serde(skip)]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// The order has come too far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct NotCancellable(InvalidTransition);

impl AppError for NotCancellable {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Conflict
    }
    fn code(&self) -> &'static str {
        "invalid_transition"
    }
}

use_case_error! {
    /// Why an order was not called off.
    CancelOrderError {
        Denied(Denied),
        NotFound(NotFound),
        KeyReused(KeyReused),
        NotCancellable(NotCancellable),
    }
}

/// Calls orders off.
pub struct CancelOrder {
    store: Arc<dyn Begin<dyn OrderingTx>>,
    fingerprints: Arc<dyn Fingerprints>,
    runtime: Runtime,
}

struct Plan {
    order_id: OrderId,
    mark: Mark,
    now: Timestamp,
}

impl CancelOrder {
    /// Calls off orders of this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn OrderingTx>>, fingerprints: Arc<dyn Fingerprints>, runtime: Runtime) -> Self {
        Self { store, fingerprints, runtime }
    }

    /// Calls the order off. An order that is called off already is answered as it is.
    ///
    /// # Errors
    /// [`CancelOrderError`]; an order that the actor may not see is not found.
    pub async fn execute(&self, actor: &Actor, command: CancelOrderCommand) -> Result<OrderView, CancelOrderError> {
        permit(actor, actions::CANCEL_ORDER)?;
        let now = self.runtime.clock.now();
        let key = command.idempotency_key.as_ref();
        let claim = IdempotencyClaim::of(actor, USE_CASE, key, &command, &*self.fingerprints, now)?;
        let mark = Mark { claim, event_id: EventId::new(self.runtime.ids.next()) };
        let plan = Plan { order_id: command.order_id, mark, now };
        run(&self.runtime, actor.deadline, |attempt| self.attempt(actor, &plan, attempt)).await
    }

    async fn attempt(&self, actor: &Actor, plan: &Plan, attempt: Attempt) -> Result<OrderView, CancelOrderError> {
        let tx = self.store.begin(TxMode::Write, &[Key::from(plan.order_id)]).await?;
        once(tx, &attempt, &plan.mark, |mut tx, landed| async move {
            (self.cancel(&mut *tx, actor, plan, landed).await, tx)
        })
        .await
    }

    async fn cancel(
        &self,
        tx: &mut dyn OrderingTx,
        actor: &Actor,
        plan: &Plan,
        landed: bool,
    ) -> Result<OrderView, CancelOrderError> {
        let order = tx.orders().find(plan.order_id).await?;
        let mut order = order.ok_or(NotFound("order"))?;
        let owner = Resource::OwnedBy(order.customer_id);
        authorize(actor, actions::READ_ORDER, owner).map_err(|_| NotFound("order"))?;
        let authorized = authorize(actor, actions::CANCEL_ORDER, owner)?;
        let change = if landed { None } else { order.apply(Trigger::Cancel, plan.now).map_err(NotCancellable)? };
        if let Some(change) = change {
            order.version = self.store_cancellation(tx, actor, plan, &order, change, authorized).await?;
        }
        Ok(OrderView::from(&order))
    }

    async fn store_cancellation(
        &self,
        tx: &mut dyn OrderingTx,
        actor: &Actor,
        plan: &Plan,
        order: &Order,
        change: StatusChange,
        _authorized: Authorized,
    ) -> Result<Version, StoreError> {
        let version = tx.orders().save(order).await?;
        self.release(tx, plan).await?;
        let payload = json!({
            "order_id": order.id,
            "customer_id": order.customer_id,
            "trigger": change.trigger.name(),
            "from": change.from.status().name(),
            "to": change.to.status().name(),
            "refund_due": change.to.payment == PaymentState::RefundDue,
        });
        let of = (order.id.uuid(), version);
        let event = OutboxEvent::new(plan.mark.event_id, "ordering.order_cancelled.v1", of, actor, change.at, &payload);
        tx.outbox().append(&event).await?;
        Ok(version)
    }

    /// Ends what the order still holds (I9). Levels are locked first, in order, and reservations read after that, so that
    /// none can have ended meanwhile.
    async fn release(&self, tx: &mut dyn OrderingTx, plan: &Plan) -> Result<(), StoreError> {
        let held = tx.stock().list_reservations(plan.order_id).await?;
        let mut products: Vec<ProductId> = held.iter().map(|reservation| reservation.product_id).collect();
        products.sort();
        let mut levels = tx.stock().find_many(&products).await?;
        let mut held = tx.stock().list_reservations(plan.order_id).await?;
        held.retain(|reservation| reservation.state == ReservationState::Active);
        let mut movements = vec![];
        for reservation in &mut held {
            let level = levels.iter_mut().find(|level| level.product_id == reservation.product_id);
            let id = MovementId::new(self.runtime.ids.next());
            movements.extend(level.and_then(|level| level.end(id, reservation, ReservationState::Released, plan.now)));
        }
        if held.is_empty() {
            return Ok(());
        }
        if movements.len() != held.len() {
            return Err(StoreError::corrupt("reservations", plan.order_id, "do not agree with the stock levels"));
        }
        levels.retain(|level| movements.iter().any(|movement| movement.product_id == level.product_id));
        levels.sort_by_key(|level| level.product_id);
        tx.stock().save_many(&levels).await?;
        tx.stock().end_reservations(&held).await?;
        tx.stock().append_movements(&movements).await
    }
}

#[cfg(test)]
mod tests;
