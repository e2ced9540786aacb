//! Taking a product off the shelf.

use super::CatalogTx;
use crate::kernel::{
    Actor, Attempt, Authorized, Begin, Denied, Fingerprints, IdempotencyClaim, IdempotencyKey, Key, KeyReused, Mark,
    NotFound, OutboxEvent, Precondition, Runtime, StoreError, TxMode, Unmet, authorize, once, permit, run,
    use_case_error,
};
use serde_json::json;
use skep_domain::{
    access::Resource,
    catalog::{Product, actions},
    shared::{EventId, ProductId, Timestamp},
};
use std::sync::Arc;

const USE_CASE: &str = "catalog.archive_product";

/// Which product to take off the shelf.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ArchiveProductCommand {
    /// The product.
    pub product_id: ProductId,
    /// The version that must still be there, if any is named.
    pub precondition: Precondition,
    /// Makes the command happen once, however often it is sent.
    #[serde(skip)]
    pub idempotency_key: Option<IdempotencyKey>,
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

/// Archives products.
pub struct ArchiveProduct {
    store: Arc<dyn Begin<dyn CatalogTx>>,
    fingerprints: Arc<dyn Fingerprints>,
    runtime: Runtime,
}

struct Plan {
    product_id: ProductId,
    precondition: Precondition,
    mark: Mark,
    now: Timestamp,
}

impl ArchiveProduct {
    /// Archives products of this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn CatalogTx>>, fingerprints: Arc<dyn Fingerprints>, runtime: Runtime) -> Self {
        Self { store, fingerprints, runtime }
    }

    /// Archives the product. Orders that name it stay as they are.
    ///
    /// # Errors
    /// [`ArchiveProductError`]; a product that is archived already is not found.
    pub async fn execute(&self, actor: &Actor, command: ArchiveProductCommand) -> Result<(), ArchiveProductError> {
        permit(actor, actions::MANAGE_PRODUCT)?;
        let now = self.runtime.clock.now();
        let key = command.idempotency_key.as_ref();
        let claim = IdempotencyClaim::of(actor, USE_CASE, key, &command, &*self.fingerprints, now)?;
        let ArchiveProductCommand { product_id, precondition, .. } = command;
        let mark = Mark { claim, event_id: EventId::new(self.runtime.ids.next()) };
        let plan = Plan { product_id, precondition, mark, now };
        run(&self.runtime, actor.deadline, |attempt| self.attempt(actor, &plan, attempt)).await
    }

    async fn attempt(&self, actor: &Actor, plan: &Plan, attempt: Attempt) -> Result<(), ArchiveProductError> {
        let tx = self.store.begin(TxMode::Write, &[Key::from(plan.product_id)]).await?;
        once(
            tx,
            &attempt,
            &plan.mark,
            |mut tx, landed| async move { (archive(&mut *tx, actor, plan, landed).await, tx) },
        )
        .await
    }
}

async fn archive(tx: &mut dyn CatalogTx, actor: &Actor, plan: &Plan, landed: bool) -> Result<(), ArchiveProductError> {
    if !landed {
        // Whoever has the stock keeps orders of the product waiting: what was archived is in none that comes later.
        tx.stock().find_many(&[plan.product_id]).await?;
        let product = tx.products().find(plan.product_id).await?.filter(Product::is_on_sale);
        let mut product = product.ok_or(NotFound("product"))?;
        let authorized = authorize(actor, actions::MANAGE_PRODUCT, Resource::Any)?;
        plan.precondition.allow(product.version)?;
        product.archive(plan.now);
        store_archived(tx, actor, plan, &product, authorized).await?;
    }
    Ok(())
}

async fn store_archived(
    tx: &mut dyn CatalogTx,
    actor: &Actor,
    plan: &Plan,
    product: &Product,
    _authorized: Authorized,
) -> Result<(), StoreError> {
    let version = tx.products().save(product).await?;
    let payload = json!({ "product_id": product.id, "sku": product.sku });
    let of = (product.id.uuid(), version);
    let event =
        OutboxEvent::new(plan.mark.event_id, "catalog.product_archived.v1", of, actor, product.updated_at, &payload);
    tx.outbox().append(&event).await
}

#[cfg(test)]
mod tests;
