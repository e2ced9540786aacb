//! Changing a product, in part or as a whole.

use super::{CatalogTx, MoneyInput, SkuTaken, constraints::PRODUCT_SKU, on_sale, product_fields, stored_products};
use crate::kernel::{
    Authorized, Call, Checked, Command, Denied, Invalid, KeyReused, NotFound, Precondition, Unmet, use_case_error,
};
use serde::{Serialize, Serializer};
use skep_domain::{
    catalog::{Product, ProductChange, actions},
    shared::{Action, Currency, Money, Patch, ProductId},
};

/// A change to a product, not yet checked. A full replacement sets every field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProductPatch {
    /// The shop's own code for the product.
    pub sku: Patch<String>,
    /// The new name.
    pub name: Patch<String>,
    /// The description; may be cleared.
    pub description: Patch<String>,
    /// The price of one piece.
    pub price: Patch<MoneyPatch>,
}

/// A change to an amount of money, not yet checked. An absent part stays as it is (RFC 7396).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MoneyPatch {
    /// The amount in minor units, such as cents.
    pub amount: Patch<i64>,
    /// A currency code of ISO 4217: three letters.
    pub currency: Patch<String>,
}

impl From<MoneyInput> for MoneyPatch {
    fn from(MoneyInput { amount, currency }: MoneyInput) -> Self {
        Self { amount: Patch::Set(amount), currency: Patch::Set(currency) }
    }
}

/// Stored fingerprints of commands are computed from these lists, so their form must not change.
impl Serialize for ProductPatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.sku, &self.name, &self.description, &self.price).serialize(serializer)
    }
}

impl Serialize for MoneyPatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.amount, &self.currency).serialize(serializer)
    }
}

/// Which product to change, from which version, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeProductCommand {
    /// The product to change.
    #[serde(rename = "id")]
    pub product_id: ProductId,
    /// The version that the change is based on.
    #[serde(rename = "if")]
    pub precondition: Precondition,
    /// The fields to change.
    pub patch: ProductPatch,
}

use_case_error! {
    /// Why the product was not changed.
    ChangeProductError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
        SkuTaken(SkuTaken),
    }
}

/// Changes products. A change that alters no value keeps the version. An archived product counts as not found.
pub struct ChangeProduct;

/// A checked change.
pub struct ChangeProductPlan {
    product_id: ProductId,
    precondition: Precondition,
    /// `write` reports invalid values only after it has compared the version of the product.
    change: Checked<ProductPatch, Change>,
}

/// The checked values. The price is in two parts, because each part may stay as it is.
#[derive(Clone)]
struct Change {
    product: ProductChange,
    amount: Option<i64>,
    currency: Option<Currency>,
}

impl Change {
    /// Fills in the parts of the price that stay.
    fn of(self, price: Money) -> ProductChange {
        let merged = Money::new(self.amount.unwrap_or(price.amount()), self.currency.unwrap_or(price.currency()));
        ProductChange { price: Some(merged), ..self.product }
    }
}

impl Command for ChangeProduct {
    type Unit = dyn CatalogTx;
    type Input = ChangeProductCommand;
    type Plan = ChangeProductPlan;
    type Target = Product;
    type Answer = Product;
    type Error = ChangeProductError;

    const NAME: &'static str = "catalog.change_product";
    const ACTION: Action = actions::MANAGE_PRODUCT;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let ChangeProductCommand { product_id, precondition, patch } = input;
        call.contend([product_id.uuid()]);
        Ok(ChangeProductPlan { product_id, precondition, change: Checked::new(patch, checked) })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Product, Self::Error> {
        Ok(stored_products::find(unit, plan.product_id).await?.ok_or(NotFound("product"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut product: Authorized<'_, Product>,
    ) -> Result<Product, Self::Error> {
        on_sale(&product)?;
        plan.precondition.require(product.version)?;
        let change = plan.change.against(|patch| {
            patch.sku.keep_same(product.sku.as_str());
            patch.name.keep_same(product.name.as_str());
            patch.description.keep_same(product.description.as_str());
        })?;
        let (now, change, before) = (product.now(), change.of(product.price), Product::clone(&product));
        let changed = product.change(change, now);
        if changed.map_err(|refusal| Invalid::one("/price/amount", "out_of_range", refusal))? {
            let saved = stored_products::save_change(unit, &before, &mut product).await;
            saved.map_err(PRODUCT_SKU.refused::<Self::Error>(SkuTaken))?;
        }
        Ok(product.into_target())
    }
}

fn checked(patch: ProductPatch) -> Result<Change, Invalid> {
    let mut invalid = Invalid::default();
    let sku = invalid.required("/sku", patch.sku).and_then(|text| product_fields::sku(&mut invalid, &text));
    let name = invalid.required("/name", patch.name).and_then(|text| product_fields::name(&mut invalid, &text));
    let description = match patch.description {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(text) => product_fields::description(&mut invalid, &text).map_or(Patch::Keep, Patch::Set),
    };
    let price = invalid.required("/price", patch.price).unwrap_or_default();
    let currency = invalid.required("/price/currency", price.currency);
    let currency = currency.and_then(|code| product_fields::currency(&mut invalid, &code));
    let amount = invalid.required("/price/amount", price.amount);
    let amount = amount.and_then(|amount| product_fields::amount(&mut invalid, amount));
    let product = ProductChange { sku, name, description, price: None };
    invalid.finish(Change { product, amount, currency })
}

#[cfg(test)]
mod tests;
