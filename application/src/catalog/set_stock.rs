//! Setting how many of a product are on hand, after counting.

use super::{CatalogTx, StockView, on_sale, product_fields};
use crate::kernel::{
    Authorized, Call, Command, Denied, Guarded, Invalid, KeyReused, NotFound, Precondition, StoreError, Unmet, refusal,
    use_case_error,
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

/// A product and its level.
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
        // The stock comes first: while this unit has it, no other unit archives the product.
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
        let CountedProduct { level, product } = &mut *target;
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
            let level = &target.level;
            target.record(unit.outbox(), &StockAdjusted::of(level), level.version, level.updated_at).await?;
        }
        Ok(StockView::of(&target.level, target.product.is_on_sale()))
    }
}

fn invalid(refusal: StockRefusal) -> Invalid {
    Invalid::one("/on_hand", "out_of_range", refusal)
}

#[cfg(test)]
mod tests;
