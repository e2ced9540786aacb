//! Archiving a product, so that it is no longer on sale.

use super::{CatalogTx, on_sale, stored_products};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, use_case_error};
use skep_domain::{
    catalog::{Product, actions, events::ProductArchived},
    shared::{Action, ProductId},
};

/// Which product to archive.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ArchiveProductCommand {
    /// The product to archive.
    pub product_id: ProductId,
    /// The version that the product must still have, if the caller names one.
    pub precondition: Precondition,
}

use_case_error! {
    /// Why the product was not archived.
    ArchiveProductError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Archives products. Orders of the product stay as they are. An archived product counts as not found.
pub struct ArchiveProduct;

impl Command for ArchiveProduct {
    type Unit = dyn CatalogTx;
    type Input = ArchiveProductCommand;
    type Plan = ArchiveProductCommand;
    type Target = Product;
    type Answer = ();
    type Error = ArchiveProductError;

    const NAME: &'static str = "catalog.archive_product";
    const ACTION: Action = actions::MANAGE_PRODUCT;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.product_id.uuid()]);
        Ok(input)
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Product, Self::Error> {
        Ok(stored_products::find(unit, plan.product_id).await?.ok_or(NotFound("product"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut product: Authorized<'_, Product>,
    ) -> Result<(), Self::Error> {
        on_sale(&product)?;
        plan.precondition.allow(product.version)?;
        let (now, before) = (product.now(), Product::clone(&product));
        product.archive(now);
        let version = stored_products::save(unit, &before, &product).await?;
        let event = ProductArchived::of(&product);
        Ok(product.record(unit.outbox(), &event, version, product.updated_at).await?)
    }
}

#[cfg(test)]
mod tests;
