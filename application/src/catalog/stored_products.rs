//! Finding and storing products. Every use case stores them here, so that search finds each product as it is.

use super::{CatalogTx, ProductQueries};
use crate::{
    kernel::{Authorized, Begin, Runtime, StoreError, TxMode, run},
    search::{SearchBatch, SearchBuilds, SearchCard, SearchSource, advance, index_again, index_change},
};
use async_trait::async_trait;
use skep_domain::{
    catalog::{PRODUCT_KIND, Product, actions, events::ProductChanged},
    search::{SearchBuild, SearchKind},
    shared::{Action, ProductId, Version},
};
use std::sync::Arc;
use uuid::Uuid;

/// Finds a product that the unit may save. It finds the stock first: orders of the product then wait, or one of the two
/// units is repeated, so no order mixes old and new values.
///
/// # Errors
/// Those of the store.
pub(super) async fn find(unit: &mut dyn CatalogTx, id: ProductId) -> Result<Option<Product>, StoreError> {
    unit.stock().find_many(&[id]).await?;
    unit.products().find(id).await
}

/// Stores a new product and indexes it.
///
/// # Errors
/// Those of `ProductRepository::insert`.
pub(super) async fn insert(unit: &mut dyn CatalogTx, product: &Product) -> Result<(), StoreError> {
    unit.products().insert(product).await?;
    index_change(unit.search(), None, product.document().as_ref()).await
}

/// Saves a product that was `before`, with its new version, indexes it, and records the event of its change.
///
/// # Errors
/// Those of `ProductRepository::save`.
pub(super) async fn save_change(
    unit: &mut dyn CatalogTx,
    before: &Product,
    product: &mut Authorized<'_, Product>,
) -> Result<(), StoreError> {
    product.version = save(unit, before, product).await?;
    let event = ProductChanged::of(product);
    product.record(unit.outbox(), &event, product.version, product.updated_at).await
}

/// Saves a product that was `before`, and indexes it.
///
/// # Errors
/// Those of `ProductRepository::save`.
pub(super) async fn save(unit: &mut dyn CatalogTx, before: &Product, product: &Product) -> Result<Version, StoreError> {
    let version = unit.products().save(product).await?;
    index_change(unit.search(), before.document().as_ref(), product.document().as_ref()).await?;
    Ok(version)
}

/// The products, of which search finds those on sale.
pub struct ProductSource {
    store: Arc<dyn Begin<dyn CatalogTx>>,
    products: Arc<dyn ProductQueries>,
    runtime: Runtime,
}

impl ProductSource {
    /// Reads the products of this store, and indexes them in it.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn CatalogTx>>, products: Arc<dyn ProductQueries>, runtime: Runtime) -> Self {
        Self { store, products, runtime }
    }
}

#[async_trait]
impl SearchSource for ProductSource {
    fn kind(&self) -> SearchKind {
        PRODUCT_KIND
    }

    fn action(&self) -> Action {
        actions::READ_PRODUCT
    }

    async fn show(&self, ids: &[Uuid]) -> Result<Vec<SearchCard>, StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| ProductId::new(*id)).collect();
        let card = |product: &Product| {
            let fields = product.document()?.fields;
            let title = product.name.as_str().to_owned();
            Some(SearchCard { kind: PRODUCT_KIND, id: product.id.uuid(), title, fields })
        };
        Ok(self.products.find_products(&ids).await?.iter().filter_map(card).collect())
    }

    async fn batch(&self, after: Option<String>) -> Result<SearchBatch, StoreError> {
        let unreadable = |error: uuid::Error| StoreError::Corrupt(error.into());
        let after = after.map(|id| Uuid::try_parse(&id).map(ProductId::new)).transpose().map_err(unreadable)?;
        let limit = u32::try_from(SearchBuilds::BATCH).unwrap_or(u32::MAX);
        let ids = self.products.list_product_ids(after, limit).await?;
        let is_last = ids.len() < SearchBuilds::BATCH;
        let after = ids.last().filter(|_| !is_last).map(ToString::to_string);
        Ok(SearchBatch { ids: ids.iter().map(|id| id.uuid()).collect(), after })
    }

    async fn index(&self, ids: &[Uuid], build: &SearchBuild) -> Result<(), StoreError> {
        run(&self.runtime, None, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[]).await?;
            let indexed = index_in(&mut *unit, ids, build).await;
            attempt.end(unit, indexed).await
        })
        .await
    }
}

async fn index_in(unit: &mut dyn CatalogTx, ids: &[Uuid], build: &SearchBuild) -> Result<(), StoreError> {
    let products: Vec<_> = ids.iter().map(|id| ProductId::new(*id)).collect();
    // Until this unit ends, no other unit changes these products. This comes first, because on MongoDB a sale since the
    // beginning of the unit aborts it.
    if !products.is_empty() {
        unit.stock().hold(&products).await?;
    }
    if !advance(unit.search(), build, PRODUCT_KIND).await? || products.is_empty() {
        return Ok(());
    }
    // Archived products have no document, and lose what the index may still have of them.
    let documents: Vec<_> = unit.products().find_many(&products).await?.iter().filter_map(Product::document).collect();
    index_again(unit.search(), ids, &documents).await
}

#[cfg(test)]
mod tests;
