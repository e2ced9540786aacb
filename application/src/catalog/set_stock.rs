//! Setting how many of a product are on hand, after counting.

use super::{CatalogTx, StockView, create_product::on_hand};
use crate::kernel::{
    Actor, AppError, Attempt, Authorized, Begin, Denied, ErrorKind, Fingerprints, IdempotencyClaim, IdempotencyKey,
    Invalid, Key, KeyReused, Mark, NotFound, OutboxEvent, Precondition, Runtime, StoreError, TxMode, Unmet, authorize,
    once, permit, run, use_case_error,
};
use serde_json::json;
use skep_domain::{
    access::Resource,
    catalog::{StockLevel, StockMovement, StockRefusal, actions},
    shared::{EventId, MovementId, ProductId, Timestamp},
};
use std::sync::Arc;

const USE_CASE: &str = "catalog.set_stock";

/// How many pieces are on hand.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SetStockCommand {
    /// The product.
    pub product_id: ProductId,
    /// The version of the stock that the count is based on.
    pub precondition: Precondition,
    /// Pieces in the house, the reserved ones included.
    pub on_hand: i64,
    /// Makes the command happen once, however often it is sent.
    #[serde(skip)]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Orders claim more pieces than would be on hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("fewer pieces than orders have reserved: {0}")]
pub struct StockBelowReserved(StockRefusal);

impl AppError for StockBelowReserved {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Conflict
    }
    fn code(&self) -> &'static str {
        "stock_below_reserved"
    }
}

use_case_error! {
    /// Why the stock was not set.
    SetStockError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
        StockBelowReserved(StockBelowReserved),
    }
}

/// Sets stock.
pub struct SetStock {
    store: Arc<dyn Begin<dyn CatalogTx>>,
    fingerprints: Arc<dyn Fingerprints>,
    runtime: Runtime,
}

struct Plan {
    product_id: ProductId,
    precondition: Precondition,
    on_hand: Result<u32, StockRefusal>,
    movement_id: MovementId,
    mark: Mark,
    now: Timestamp,
}

impl SetStock {
    /// Sets stock in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn CatalogTx>>, fingerprints: Arc<dyn Fingerprints>, runtime: Runtime) -> Self {
        Self { store, fingerprints, runtime }
    }

    /// Sets the stock; the same count as before moves no version.
    ///
    /// # Errors
    /// [`SetStockError`]; the stock of an archived product is not found.
    pub async fn execute(&self, actor: &Actor, command: SetStockCommand) -> Result<StockView, SetStockError> {
        permit(actor, actions::MANAGE_STOCK)?;
        let now = self.runtime.clock.now();
        let key = command.idempotency_key.as_ref();
        let claim = IdempotencyClaim::of(actor, USE_CASE, key, &command, &*self.fingerprints, now)?;
        let plan = Plan {
            product_id: command.product_id,
            precondition: command.precondition,
            on_hand: on_hand(command.on_hand),
            movement_id: MovementId::new(self.runtime.ids.next()),
            mark: Mark { claim, event_id: EventId::new(self.runtime.ids.next()) },
            now,
        };
        run(&self.runtime, actor.deadline, |attempt| self.attempt(actor, &plan, attempt)).await
    }

    async fn attempt(&self, actor: &Actor, plan: &Plan, attempt: Attempt) -> Result<StockView, SetStockError> {
        let tx = self.store.begin(TxMode::Write, &[Key::from(plan.product_id)]).await?;
        once(tx, &attempt, &plan.mark, |mut tx, landed| async move { (set(&mut *tx, actor, plan, landed).await, tx) })
            .await
    }
}

async fn set(tx: &mut dyn CatalogTx, actor: &Actor, plan: &Plan, landed: bool) -> Result<StockView, SetStockError> {
    // The stock comes first: while this unit has it, nobody archives the product.
    let level = tx.stock().find_many(&[plan.product_id]).await?.pop();
    let product = tx.products().find(plan.product_id).await?.filter(|product| landed || product.is_on_sale());
    let product = product.ok_or(NotFound("product"))?;
    let mut level = level.ok_or_else(|| StoreError::corrupt("stock_levels", plan.product_id, "missing"))?;
    if !landed {
        let authorized = authorize(actor, actions::MANAGE_STOCK, Resource::Any)?;
        plan.precondition.require(level.version)?;
        let count = plan.on_hand.map_err(invalid)?;
        let moved = level.set_on_hand(plan.movement_id, count, plan.now).map_err(|refusal| match refusal {
            StockRefusal::BelowReserved { .. } => SetStockError::from(StockBelowReserved(refusal)),
            _ => invalid(refusal).into(),
        })?;
        if let Some(movement) = moved {
            store_stock(tx, actor, plan, &level, movement, authorized).await?;
            level.version = level.version.next();
        }
    }
    Ok(StockView::of(&level, product.is_on_sale()))
}

async fn store_stock(
    tx: &mut dyn CatalogTx,
    actor: &Actor,
    plan: &Plan,
    level: &StockLevel,
    movement: StockMovement,
    _authorized: Authorized,
) -> Result<(), StoreError> {
    tx.stock().save_many(std::slice::from_ref(level)).await?;
    tx.stock().append_movements(&[movement]).await?;
    let payload = json!({ "product_id": level.product_id, "on_hand": level.on_hand, "reserved": level.reserved });
    let of = (level.product_id.uuid(), level.version.next());
    let event =
        OutboxEvent::new(plan.mark.event_id, "catalog.stock_adjusted.v1", of, actor, level.updated_at, &payload);
    tx.outbox().append(&event).await
}

fn invalid(refusal: StockRefusal) -> Invalid {
    Invalid::one("/on_hand", "out_of_range", refusal)
}

#[cfg(test)]
mod tests;
