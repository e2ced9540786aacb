//! Setting the pieces of a product that are on hand, after a count.

use super::{CatalogTx, StockView, list_expired, on_sale, product_fields};
use crate::kernel::{
    Authorized, Call, Command, Denied, Guarded, Invalid, KeyReused, NotFound, Precondition, StoreError, Unmet, refusal,
    use_case_error,
};
use skep_domain::{
    access::Resource,
    catalog::{Product, StockChanges, StockLevel, StockRefusal, actions, events::StockAdjusted},
    shared::{Action, MovementId, ProductId},
};

/// The counted pieces of a product.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SetStockCommand {
    /// The product that was counted.
    pub product_id: ProductId,
    /// The version of the stock that the count is based on.
    pub precondition: Precondition,
    /// The pieces in the warehouse, including the reserved ones.
    pub on_hand: i64,
}

refusal! {
    /// The stock cannot be lower than the number of reserved pieces.
    StockBelowReserved {
        /// [`StockRefusal::BelowReserved`], with the number of reserved pieces.
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

/// Sets stock. An unchanged count keeps the version. A count below the reserved pieces ends the reservations that have
/// expired first. The stock of an archived product counts as not found.
pub struct SetStock;

/// The count, and the id of the row that it adds to the ledger.
pub struct SetStockPlan {
    product_id: ProductId,
    precondition: Precondition,
    on_hand: Result<u32, StockRefusal>,
    movement_id: MovementId,
}

/// A product and its stock level.
pub struct CountedProduct {
    level: StockLevel,
    product: Product,
}

impl Guarded for CountedProduct {
    fn resource(&self) -> Resource {
        self.product.resource()
    }
}

impl Command for SetStock {
    type Unit = dyn CatalogTx;
    type Input = SetStockCommand;
    type Plan = SetStockPlan;
    type Target = CountedProduct;
    type Answer = StockView;
    type Error = SetStockError;

    const NAME: &'static str = "catalog.set_stock";
    const ACTION: Action = actions::MANAGE_STOCK;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let SetStockCommand { product_id, precondition, on_hand } = input;
        call.contend([product_id.uuid()]);
        let (on_hand, movement_id) = (product_fields::on_hand(on_hand), MovementId::new(call.new_id()));
        Ok(SetStockPlan { product_id, precondition, on_hand, movement_id })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<CountedProduct, Self::Error> {
        // Find the stock first: from then on no other unit can archive the product.
        let level = unit.stock().find_many(&[plan.product_id]).await?.pop();
        let product = unit.products().find(plan.product_id).await?.ok_or(NotFound("product"))?;
        let level = level.ok_or_else(|| StoreError::corrupt("stock_levels", plan.product_id, "missing"))?;
        Ok(CountedProduct { level, product })
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut target: Authorized<'_, Self::Target>,
    ) -> Result<StockView, Self::Error> {
        let now = target.now();
        on_sale(&target.product)?;
        plan.precondition.require(target.level.version)?;
        let count = plan.on_hand.map_err(invalid)?;
        let expired = match target.level.reserved {
            0 => vec![],
            _ => list_expired(unit.stock(), &[plan.product_id], now).await?,
        };
        let mut hidden = expired.iter().map(|reservation| reservation.quantity).sum();
        let mut freed = StockChanges::default();
        if count < target.level.reserved {
            freed = StockChanges::free(vec![target.level], expired, now, &mut || target.new_id());
            target.level = freed.levels.first().copied().unwrap_or(target.level);
            hidden = 0;
        }
        let moved = target.level.set_on_hand(plan.movement_id, count, now).map_err(|refusal| match refusal {
            StockRefusal::BelowReserved { .. } => SetStockError::from(StockBelowReserved { refusal }),
            _ => invalid(refusal).into(),
        })?;
        if let Some(movement) = moved {
            unit.stock().save_many(std::slice::from_ref(&target.level)).await?;
            if !freed.ended.is_empty() {
                unit.stock().end_reservations(&freed.ended).await?;
            }
            freed.movements.push(movement);
            unit.stock().append_movements(&freed.movements).await?;
            target.level.version = target.level.version.next();
            let level = &target.level;
            target.record(unit.outbox(), &StockAdjusted::of(level), level.version, level.updated_at).await?;
        }
        Ok(StockView::of(&target.level, hidden, target.product.is_on_sale()))
    }
}

fn invalid(refusal: StockRefusal) -> Invalid {
    Invalid::one("/on_hand", "out_of_range", refusal)
}

#[cfg(test)]
mod tests;
