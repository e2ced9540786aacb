//! Setting how many of a product are on hand, after counting.

use super::{CatalogTx, StockView, create_product::on_hand, on_sale};
use crate::kernel::{
    Authorized, Call, Command, Denied, IdempotencyKey, Invalid, Key, KeyReused, NotFound, Precondition, StoreError,
    Unmet, refusal, use_case_error,
};
use skep_domain::{
    access::Resource,
    catalog::{Product, StockLevel, StockRefusal, actions, events::StockAdjusted},
    shared::{Action, MovementId, ProductId},
};

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

refusal! {
    /// Orders have reserved more pieces than that.
    StockBelowReserved {
        /// The numbers.
        refusal: StockRefusal,
    } = Conflict, "stock_below_reserved", "{}: {refusal}", Self::REFUSALS[0];
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

/// Sets stock. The same count as before moves no version. The stock of an archived product is not found.
pub struct SetStock;

/// A counted level, and the id of the row of the ledger that tells of it.
pub struct SetStockPlan {
    product_id: ProductId,
    precondition: Precondition,
    on_hand: Result<u32, StockRefusal>,
    movement_id: MovementId,
}

impl Command for SetStock {
    type Unit = dyn CatalogTx;
    type Input = SetStockCommand;
    type Plan = SetStockPlan;
    type Target = (StockLevel, Product);
    type Answer = StockView;
    type Error = SetStockError;

    const NAME: &'static str = "catalog.set_stock";
    const ACTION: Action = actions::MANAGE_STOCK;

    fn idempotency_key(input: &Self::Input) -> Option<&IdempotencyKey> {
        input.idempotency_key.as_ref()
    }

    async fn plan(&self, call: &Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let SetStockCommand { product_id, precondition, on_hand: count, .. } = input;
        let movement_id = MovementId::new(call.new_id());
        Ok(SetStockPlan { product_id, precondition, on_hand: on_hand(count), movement_id })
    }

    fn contended(plan: &Self::Plan) -> Vec<Key> {
        vec![Key(plan.product_id.uuid())]
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<(Self::Target, Resource), Self::Error> {
        // The stock comes first: while this unit has it, nobody archives the product.
        let level = unit.stock().find_many(&[plan.product_id]).await?.pop();
        let product = unit.products().find(plan.product_id).await?.ok_or(NotFound("product"))?;
        let level = level.ok_or_else(|| StoreError::corrupt("stock_levels", plan.product_id, "missing"))?;
        Ok(((level, product), Resource::Any))
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut target: Authorized<'_, Self::Target>,
    ) -> Result<StockView, Self::Error> {
        let now = target.now();
        let (level, product) = &mut *target;
        on_sale(product)?;
        plan.precondition.require(level.version)?;
        let count = plan.on_hand.map_err(invalid)?;
        let moved = level.set_on_hand(plan.movement_id, count, now).map_err(|refusal| match refusal {
            StockRefusal::BelowReserved { .. } => SetStockError::from(StockBelowReserved { refusal }),
            _ => invalid(refusal).into(),
        })?;
        if let Some(movement) = moved {
            unit.stock().save_many(std::slice::from_ref(level)).await?;
            unit.stock().append_movements(&[movement]).await?;
            level.version = level.version.next();
            let (level, _) = &*target;
            target.record(unit.outbox(), &StockAdjusted::of(level), level.version, level.updated_at).await?;
        }
        let (level, product) = &*target;
        Ok(StockView::of(level, product.is_on_sale()))
    }
}

fn invalid(refusal: StockRefusal) -> Invalid {
    Invalid::one("/on_hand", "out_of_range", refusal)
}

#[cfg(test)]
mod tests;
