//! Putting a product on the shelf, with its first stock.

use super::{CatalogTx, constraints};
use crate::kernel::{
    Authorized, Call, Command, Denied, IdempotencyKey, Invalid, KeyReused, StoreError, refusal, use_case_error,
};
use skep_domain::{
    access::Resource,
    catalog::{
        DESCRIPTION_MAX, MAX_QUANTITY, NAME_MAX, Product, Sku, StockLevel, StockMovement, StockRefusal, actions,
        events::ProductCreated,
    },
    shared::{Action, Currency, Money, MovementId, ProductId, Text},
};

/// An amount of money, as typed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MoneyInput {
    /// Minor units.
    pub amount: i64,
    /// Three letters of ISO 4217.
    pub currency: String,
}

/// A product and its first stock, as typed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CreateProductCommand {
    /// The shop's own code.
    pub sku: String,
    /// The name.
    pub name: String,
    /// The description, possibly empty.
    pub description: String,
    /// What one piece costs.
    pub price: MoneyInput,
    /// Pieces on hand; 0 if nothing is said.
    pub stock: Option<i64>,
    /// Makes the command happen once, however often it is sent.
    #[serde(skip)]
    pub idempotency_key: Option<IdempotencyKey>,
}

refusal! {
    /// Another product, perhaps an archived one, has this SKU.
    SkuTaken = Conflict, "sku_taken";
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

/// Creates products.
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

    fn idempotency_key(input: &Self::Input) -> Option<&IdempotencyKey> {
        input.idempotency_key.as_ref()
    }

    async fn plan(&self, call: &Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let mut invalid = Invalid::default();
        let sku = invalid.check("/sku", "invalid_sku", Sku::parse(&input.sku));
        let name = invalid.check("/name", "invalid_text", Text::line(&input.name, NAME_MAX));
        let description = Text::block(&input.description, DESCRIPTION_MAX);
        let description = invalid.check("/description", "invalid_text", description);
        let price = price(&mut invalid, &input.price);
        let id = ProductId::new(call.new_id());
        let mut level = StockLevel::empty(id, call.now);
        let movement_id = MovementId::new(call.new_id());
        let count = on_hand(input.stock.unwrap_or(0));
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

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<((), Resource), Self::Error> {
        Ok(((), Resource::Any))
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        authorized: Authorized<'_, ()>,
    ) -> Result<Product, Self::Error> {
        let CreateProductPlan { product, level, movement } = plan;
        unit.products().insert(product).await.map_err(sku_taken::<CreateProductError>)?;
        unit.stock().insert(level).await?;
        if let Some(movement) = movement {
            unit.stock().append_movements(std::slice::from_ref(movement)).await?;
        }
        let event = ProductCreated::of(product, level);
        authorized.record(unit.outbox(), &event, product.version, product.created_at).await?;
        Ok(product.clone())
    }
}

/// The store tells who of several was first with a SKU.
pub(super) fn sku_taken<E: From<SkuTaken> + From<StoreError>>(error: StoreError) -> E {
    match error {
        StoreError::Duplicate { constraint: constraints::PRODUCT_SKU } => SkuTaken.into(),
        error => error.into(),
    }
}

/// Reads a price as typed, or notes what is wrong with it.
fn price(invalid: &mut Invalid, input: &MoneyInput) -> Option<Money> {
    let currency = price_currency(invalid, &input.currency);
    let amount = price_amount(invalid, input.amount);
    Some(Money::new(amount?, currency?))
}

/// Reads the currency of a price as typed, or notes what is wrong with it.
pub(super) fn price_currency(invalid: &mut Invalid, code: &str) -> Option<Currency> {
    invalid.check("/price/currency", "unknown_currency", code.parse())
}

/// Reads the amount of a price as typed, or notes what is wrong with it.
pub(super) fn price_amount(invalid: &mut Invalid, amount: i64) -> Option<i64> {
    invalid.check("/price/amount", "out_of_range", if amount < 0 { Err("must not be negative") } else { Ok(amount) })
}

/// Reads a count of pieces as typed.
pub(super) fn on_hand(count: i64) -> Result<u32, StockRefusal> {
    u32::try_from(count).ok().filter(|count| *count <= MAX_QUANTITY).ok_or(StockRefusal::OutOfRange)
}

#[cfg(test)]
mod tests;
