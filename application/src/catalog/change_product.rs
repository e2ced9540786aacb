//! Changing a product, in part or as a whole.

use super::{
    CatalogTx, MoneyInput, SkuTaken,
    create_product::{price_amount, price_currency, sku_taken},
};
use crate::kernel::{
    Actor, Attempt, Authorized, Begin, Denied, Fingerprints, IdempotencyClaim, IdempotencyKey, Invalid, Key, KeyReused,
    Mark, NotFound, OutboxEvent, Precondition, Runtime, TxMode, Unmet, authorize, once, permit, run, use_case_error,
};
use serde_json::json;
use skep_domain::{
    access::Resource,
    catalog::{DESCRIPTION_MAX, NAME_MAX, Product, ProductChange, Sku, actions},
    shared::{Currency, EventId, Money, Patch, ProductId, Text, Timestamp, Version},
};
use std::sync::Arc;

const USE_CASE: &str = "catalog.change_product";

/// What to change of a product, as typed. A replacement as a whole sets every field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProductPatch {
    /// The shop's own code.
    pub sku: Patch<String>,
    /// The name.
    pub name: Patch<String>,
    /// The description; may be cleared.
    pub description: Patch<String>,
    /// What one piece costs.
    pub price: Patch<MoneyPatch>,
}

/// What to change of an amount of money, as typed: its absent part stays as it is (RFC 7396).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MoneyPatch {
    /// Minor units.
    pub amount: Patch<i64>,
    /// Three letters of ISO 4217.
    pub currency: Patch<String>,
}

impl From<MoneyInput> for MoneyPatch {
    fn from(MoneyInput { amount, currency }: MoneyInput) -> Self {
        Self { amount: Patch::Set(amount), currency: Patch::Set(currency) }
    }
}

/// Which product to change, from which version, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeProductCommand {
    /// The product.
    pub product_id: ProductId,
    /// The version that the change is based on.
    pub precondition: Precondition,
    /// The change.
    pub patch: ProductPatch,
    /// Makes the command happen once, however often it is sent.
    pub idempotency_key: Option<IdempotencyKey>,
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

/// Changes products.
pub struct ChangeProduct {
    store: Arc<dyn Begin<dyn CatalogTx>>,
    fingerprints: Arc<dyn Fingerprints>,
    runtime: Runtime,
}

struct Plan {
    product_id: ProductId,
    precondition: Precondition,
    /// Judged before the first attempt, told after the product was found and its version compared.
    change: Result<Change, Invalid>,
    mark: Mark,
    now: Timestamp,
}

/// The change, but for the parts of the price that stay.
#[derive(Clone)]
struct Change {
    product: ProductChange,
    amount: Option<i64>,
    currency: Option<Currency>,
}

impl Change {
    /// The change of a product with this price.
    fn of(self, price: Money) -> ProductChange {
        let merged = Money::new(self.amount.unwrap_or(price.amount()), self.currency.unwrap_or(price.currency()));
        ProductChange { price: Some(merged), ..self.product }
    }
}

impl ChangeProduct {
    /// Changes products of this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn CatalogTx>>, fingerprints: Arc<dyn Fingerprints>, runtime: Runtime) -> Self {
        Self { store, fingerprints, runtime }
    }

    /// Changes the product; a change of nothing moves no version.
    ///
    /// # Errors
    /// [`ChangeProductError`]; an archived product is not found.
    pub async fn execute(&self, actor: &Actor, command: ChangeProductCommand) -> Result<Product, ChangeProductError> {
        permit(actor, actions::MANAGE_PRODUCT)?;
        let now = self.runtime.clock.now();
        let whole = json!({ "id": command.product_id, "if": command.precondition, "patch": whole(&command.patch) });
        let key = command.idempotency_key.as_ref();
        let claim = IdempotencyClaim::of(actor, USE_CASE, key, &whole, &*self.fingerprints, now)?;
        let plan = Plan {
            product_id: command.product_id,
            precondition: command.precondition,
            change: read(command.patch),
            mark: Mark { claim, event_id: EventId::new(self.runtime.ids.next()) },
            now,
        };
        run(&self.runtime, actor.deadline, |attempt| self.attempt(actor, &plan, attempt)).await
    }

    async fn attempt(&self, actor: &Actor, plan: &Plan, attempt: Attempt) -> Result<Product, ChangeProductError> {
        let tx = self.store.begin(TxMode::Write, &[Key::from(plan.product_id)]).await?;
        once(
            tx,
            &attempt,
            &plan.mark,
            |mut tx, landed| async move { (change(&mut *tx, actor, plan, landed).await, tx) },
        )
        .await
    }
}

async fn change(
    tx: &mut dyn CatalogTx,
    actor: &Actor,
    plan: &Plan,
    landed: bool,
) -> Result<Product, ChangeProductError> {
    // Whoever has the stock keeps orders of the product waiting, so that none mixes what it was and what it will be.
    tx.stock().find_many(&[plan.product_id]).await?;
    let product = tx.products().find(plan.product_id).await?.filter(|product| landed || product.is_on_sale());
    let mut product = product.ok_or(NotFound("product"))?;
    if !landed {
        let authorized = authorize(actor, actions::MANAGE_PRODUCT, Resource::Any)?;
        plan.precondition.require(product.version)?;
        let wanted = plan.change.clone()?.of(product.price);
        let changed = product.change(wanted, plan.now);
        if changed.map_err(|refusal| Invalid::one("/price/amount", "out_of_range", refusal))? {
            product.version = store_change(tx, actor, plan, &product, authorized).await?;
        }
    }
    Ok(product)
}

async fn store_change(
    tx: &mut dyn CatalogTx,
    actor: &Actor,
    plan: &Plan,
    product: &Product,
    _authorized: Authorized,
) -> Result<Version, ChangeProductError> {
    let version = tx.products().save(product).await.map_err(sku_taken::<ChangeProductError>)?;
    let payload = json!({ "product_id": product.id, "sku": product.sku, "price": product.price });
    let of = (product.id.uuid(), version);
    let event =
        OutboxEvent::new(plan.mark.event_id, "catalog.product_changed.v1", of, actor, product.updated_at, &payload);
    tx.outbox().append(&event).await?;
    Ok(version)
}

fn read(patch: ProductPatch) -> Result<Change, Invalid> {
    let mut invalid = Invalid::default();
    let sku = required(&mut invalid, "/sku", patch.sku);
    let sku = sku.and_then(|sku| invalid.check("/sku", "invalid_sku", Sku::parse(&sku)));
    let name = required(&mut invalid, "/name", patch.name);
    let name = name.and_then(|name| invalid.check("/name", "invalid_text", Text::line(&name, NAME_MAX)));
    let description = match patch.description {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(text) => {
            let text = invalid.check("/description", "invalid_text", Text::block(&text, DESCRIPTION_MAX));
            text.map_or(Patch::Keep, Patch::Set)
        }
    };
    let price = required(&mut invalid, "/price", patch.price).unwrap_or_default();
    let currency = required(&mut invalid, "/price/currency", price.currency);
    let currency = currency.and_then(|code| price_currency(&mut invalid, &code));
    let amount = required(&mut invalid, "/price/amount", price.amount);
    let amount = amount.and_then(|amount| price_amount(&mut invalid, amount));
    let product = ProductChange { sku, name, description, price: None };
    if invalid.errors.is_empty() { Ok(Change { product, amount, currency }) } else { Err(invalid) }
}

/// A field that cannot be emptied.
fn required<T>(invalid: &mut Invalid, pointer: &str, field: Patch<T>) -> Option<T> {
    match field {
        Patch::Keep => None,
        Patch::Clear => invalid.check(pointer, "required", Err("must not be null")),
        Patch::Set(value) => Some(value),
    }
}

/// The whole patch for its fingerprint: an absent field and an empty one are different commands.
fn whole(patch: &ProductPatch) -> serde_json::Value {
    fn field<T: serde::Serialize>(field: &Patch<T>) -> serde_json::Value {
        match field {
            Patch::Keep => json!([]),
            Patch::Clear => json!([null]),
            Patch::Set(value) => json!([value]),
        }
    }
    let price = patch.price.clone().map(|price| json!([field(&price.amount), field(&price.currency)]));
    json!([field(&patch.sku), field(&patch.name), field(&patch.description), field(&price)])
}

#[cfg(test)]
mod tests;
