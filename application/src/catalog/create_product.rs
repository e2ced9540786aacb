//! Putting a product on the shelf, with its first stock.

use super::CatalogTx;
use crate::kernel::{
    Actor, AppError, Attempt, Authorized, Begin, Denied, ErrorKind, Fingerprints, IdempotencyClaim, IdempotencyKey,
    Invalid, KeyReused, Mark, OutboxEvent, Runtime, StoreError, TxMode, authorize, once, permit, run, use_case_error,
};
use serde_json::json;
use skep_domain::{
    access::Resource,
    catalog::{
        DESCRIPTION_MAX, MAX_QUANTITY, NAME_MAX, Product, Sku, StockLevel, StockMovement, StockRefusal, actions,
    },
    shared::{Currency, EventId, Money, MovementId, ProductId, Text},
};
use std::sync::Arc;

const USE_CASE: &str = "catalog.create_product";

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

/// Another product has this SKU; an archived one keeps its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another product has this sku")]
pub struct SkuTaken;

impl AppError for SkuTaken {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Conflict
    }
    fn code(&self) -> &'static str {
        "sku_taken"
    }
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
pub struct CreateProduct {
    store: Arc<dyn Begin<dyn CatalogTx>>,
    fingerprints: Arc<dyn Fingerprints>,
    runtime: Runtime,
}

struct Plan {
    product: Product,
    level: StockLevel,
    movement: Option<StockMovement>,
    mark: Mark,
}

impl CreateProduct {
    /// Creates products in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn CatalogTx>>, fingerprints: Arc<dyn Fingerprints>, runtime: Runtime) -> Self {
        Self { store, fingerprints, runtime }
    }

    /// Creates the product.
    ///
    /// # Errors
    /// [`CreateProductError`].
    pub async fn execute(&self, actor: &Actor, command: CreateProductCommand) -> Result<Product, CreateProductError> {
        permit(actor, actions::MANAGE_PRODUCT)?;
        let plan = self.plan(actor, &command)?;
        run(&self.runtime, actor.deadline, |attempt| self.attempt(actor, &plan, attempt)).await
    }

    fn plan(&self, actor: &Actor, command: &CreateProductCommand) -> Result<Plan, CreateProductError> {
        let now = self.runtime.clock.now();
        let mut invalid = Invalid::default();
        let sku = invalid.check("/sku", "invalid_sku", Sku::parse(&command.sku));
        let name = invalid.check("/name", "invalid_text", Text::line(&command.name, NAME_MAX));
        let description = Text::block(&command.description, DESCRIPTION_MAX);
        let description = invalid.check("/description", "invalid_text", description);
        let price = price(&mut invalid, &command.price);
        let id = ProductId::new(self.runtime.ids.next());
        let mut level = StockLevel::empty(id, now);
        let movement_id = MovementId::new(self.runtime.ids.next());
        let movement = on_hand(command.stock.unwrap_or(0)).and_then(|count| level.set_on_hand(movement_id, count, now));
        let movement = invalid.check("/stock", "out_of_range", movement);
        let (Some(sku), Some(name), Some(description), Some(price), Some(movement)) =
            (sku, name, description, price, movement)
        else {
            return Err(invalid.into());
        };
        let product = Product::create(id, sku, name, description, price, now);
        let product = product.map_err(|refusal| Invalid::one("/price/amount", "out_of_range", refusal))?;
        let key = command.idempotency_key.as_ref();
        let claim = IdempotencyClaim::of(actor, USE_CASE, key, command, &*self.fingerprints, now)?;
        let event_id = EventId::new(self.runtime.ids.next());
        Ok(Plan { product, level, movement, mark: Mark { claim, event_id } })
    }

    async fn attempt(&self, actor: &Actor, plan: &Plan, attempt: Attempt) -> Result<Product, CreateProductError> {
        let tx = self.store.begin(TxMode::Write, &[]).await?;
        once(
            tx,
            &attempt,
            &plan.mark,
            |mut tx, landed| async move { (create(&mut *tx, actor, plan, landed).await, tx) },
        )
        .await
    }
}

async fn create(
    tx: &mut dyn CatalogTx,
    actor: &Actor,
    plan: &Plan,
    landed: bool,
) -> Result<Product, CreateProductError> {
    if !landed {
        let authorized = authorize(actor, actions::MANAGE_PRODUCT, Resource::Any)?;
        store_product(tx, actor, plan, authorized).await?;
    }
    Ok(plan.product.clone())
}

async fn store_product(
    tx: &mut dyn CatalogTx,
    actor: &Actor,
    plan: &Plan,
    _authorized: Authorized,
) -> Result<(), CreateProductError> {
    let product = &plan.product;
    tx.products().insert(product).await.map_err(sku_taken::<CreateProductError>)?;
    tx.stock().insert(&plan.level).await?;
    if let Some(movement) = plan.movement {
        tx.stock().append_movements(&[movement]).await?;
    }
    let payload =
        json!({ "product_id": product.id, "sku": product.sku, "price": product.price, "on_hand": plan.level.on_hand });
    let of = (product.id.uuid(), product.version);
    let event =
        OutboxEvent::new(plan.mark.event_id, "catalog.product_created.v1", of, actor, product.created_at, &payload);
    Ok(tx.outbox().append(&event).await?)
}

/// The store tells who of several was first with a SKU.
pub(super) fn sku_taken<E: From<SkuTaken> + From<StoreError>>(error: StoreError) -> E {
    match error {
        StoreError::Duplicate { constraint: crate::catalog::constraints::PRODUCT_SKU } => SkuTaken.into(),
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
