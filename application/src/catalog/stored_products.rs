//! Storing products. Every use case stores them here, so that search finds each product as it is.

use super::{CatalogTx, ProductQueries, ProductSort, ProductSortKey};
use crate::{
    kernel::{Begin, PageRequest, Position, Runtime, StoreError, TxMode, run},
    search::{SearchBatch, SearchBuilds, SearchCard, SearchSource, advance, index_again, index_change},
};
use async_trait::async_trait;
use skep_domain::{
    catalog::{PRODUCT_KIND, Product, actions},
    search::{SearchBuild, SearchKind},
    shared::{Action, Direction, PageLimit, ProductId, Version},
};
use std::sync::Arc;
use uuid::Uuid;

/// Stores a new product and indexes it.
///
/// # Errors
/// Those of `ProductRepository::insert`.
pub(super) async fn insert(unit: &mut dyn CatalogTx, product: &Product) -> Result<(), StoreError> {
    unit.products().insert(product).await?;
    index_change(unit.search(), None, product.document().as_ref()).await
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

/// The products that search finds: those on sale.
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
        let products = self.products.find_products(&ids).await?.into_iter().filter(Product::is_on_sale);
        let card = |product: Product| SearchCard {
            kind: PRODUCT_KIND,
            id: product.id.uuid(),
            title: product.name.as_str().to_owned(),
        };
        Ok(products.map(card).collect())
    }

    async fn batch(&self, after: Option<String>) -> Result<SearchBatch, StoreError> {
        let unreadable = |error: serde_json::Error| StoreError::Corrupt(error.into());
        let after = after.map(|place| serde_json::from_str::<Position>(&place)).transpose().map_err(unreadable)?;
        let sort = ProductSort { key: ProductSortKey::CreatedAt, direction: Direction::Ascending };
        let limit = i64::try_from(SearchBuilds::BATCH).ok().and_then(|limit| PageLimit::new(limit).ok());
        let request = PageRequest { limit: limit.unwrap_or_default(), after, count_up_to: None };
        let page = self.products.list_products(sort, &request).await?;
        let after = page.next.map(|place| serde_json::to_string(&place)).transpose().map_err(unreadable)?;
        Ok(SearchBatch { ids: page.items.iter().map(|product| product.id.uuid()).collect(), after })
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
    if !advance(unit.search(), build, PRODUCT_KIND).await? || ids.is_empty() {
        return Ok(());
    }
    let products: Vec<_> = ids.iter().map(|id| ProductId::new(*id)).collect();
    // Find the stock first. On SQL, no other unit changes these products until this one has ended. On MongoDB, reads lock
    // nothing: a change at the same time collides with this unit only if both write a posting of the same document.
    unit.stock().find_many(&products).await?;
    let documents: Vec<_> = unit.products().find_many(&products).await?.iter().filter_map(Product::document).collect();
    index_again(unit.search(), ids, &documents).await
}

#[cfg(test)]
mod tests;
