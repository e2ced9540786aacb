//! Creating a product with its first stock.

use super::{CatalogTx, MoneyInput, SkuTaken, constraints::PRODUCT_SKU, product_fields, stored_products};
use crate::kernel::{Authorized, Call, Command, Denied, Invalid, KeyReused, use_case_error};
use skep_domain::{
    catalog::{Product, StockLevel, StockMovement, actions, events::ProductCreated},
    shared::{Action, MovementId, ProductId},
};

/// A product to create and its first stock, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CreateProductCommand {
    /// The shop's own code for the product; unique.
    pub sku: String,
    /// The name for people.
    pub name: String,
    /// The description; may be empty.
    pub description: String,
    /// The price of one piece.
    pub price: MoneyInput,
    /// The pieces on hand; 0 by default.
    pub stock: Option<i64>,
}

use_case_error! {
    /// Why no product was created.
    CreateProductError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        SkuTaken(SkuTaken),
    }
}

/// Creates products, each with its stock level.
pub struct CreateProduct;

/// A checked product with its first stock.
pub struct CreateProductPlan {
    product: Product,
    level: StockLevel,
    movement: Option<StockMovement>,
}

impl Command for CreateProduct {
    type Unit = dyn CatalogTx;
    type Input = CreateProductCommand;
    type Plan = CreateProductPlan;
    type Target = ();
    type Answer = Product;
    type Error = CreateProductError;

    const NAME: &'static str = "catalog.create_product";
    const ACTION: Action = actions::MANAGE_PRODUCT;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let mut invalid = Invalid::default();
        let sku = product_fields::sku(&mut invalid, &input.sku);
        let name = product_fields::name(&mut invalid, &input.name);
        let description = product_fields::description(&mut invalid, &input.description);
        let price = product_fields::price(&mut invalid, &input.price);
        let id = ProductId::new(call.new_id());
        let mut level = StockLevel::empty(id, call.now);
        let movement_id = MovementId::new(call.new_id());
        let count = product_fields::on_hand(input.stock.unwrap_or(0));
        let movement = count.and_then(|count| level.set_on_hand(movement_id, count, call.now));
        let movement = invalid.check("/stock", "out_of_range", movement);
        let (Some(sku), Some(name), Some(description), Some(price), Some(movement)) =
            (sku, name, description, price, movement)
        else {
            return Err(invalid.into());
        };
        let product = Product::create(id, sku, name, description, price, call.now);
        let product = product.map_err(|refusal| Invalid::one("/price/amount", "out_of_range", refusal))?;
        Ok(CreateProductPlan { product, level, movement })
    }

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        authorized: Authorized<'_, ()>,
    ) -> Result<Product, Self::Error> {
        let CreateProductPlan { product, level, movement } = plan;
        stored_products::insert(unit, product).await.map_err(PRODUCT_SKU.refused::<Self::Error>(SkuTaken))?;
        unit.stock().insert(level).await?;
        if let Some(movement) = movement {
            unit.stock().append_movements(std::slice::from_ref(movement)).await?;
        }
        let event = ProductCreated::of(product, level);
        authorized.record(unit.outbox(), &event, product.version, product.created_at).await?;
        Ok(product.clone())
    }
}

#[cfg(test)]
mod tests;
