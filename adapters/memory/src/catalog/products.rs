//! Products.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules, page};
use async_trait::async_trait;
use skep_application::{
    catalog::{
        ProductQueries, ProductRepository, ProductSort,
        constraints::{PRODUCT_ID, PRODUCT_SKU},
    },
    kernel::{Page, PageRequest},
};
use skep_domain::{
    catalog::Product,
    shared::{ProductId, Version},
};

impl Row for Product {
    type Key = ProductId;
    const RULES: Rules<Self> = Rules {
        unique: &[(PRODUCT_SKU, |one, other| one.sku == other.sku)],
        ..Rules::of(PRODUCT_ID, |product| product.id, |product| &mut product.version)
    };
}

#[async_trait]
impl ProductRepository for MemoryUnit {
    async fn find(&mut self, id: ProductId) -> Done<Option<Product>> {
        self.run(|state| Ok(state.products.get(id).cloned())).await
    }
    async fn find_many(&mut self, ids: &[ProductId]) -> Done<Vec<Product>> {
        self.run(|state| Ok(state.products.many(ids))).await
    }
    async fn insert(&mut self, product: &Product) -> Done<()> {
        self.run(|state| state.products.insert(product)).await
    }
    async fn save(&mut self, product: &Product) -> Done<Version> {
        self.run(|state| state.products.save(product)).await
    }
}

#[async_trait]
impl ProductQueries for MemoryStore {
    async fn find_product(&self, id: ProductId) -> Done<Option<Product>> {
        Ok(self.state().products.get(id).cloned())
    }
    async fn find_products(&self, ids: &[ProductId]) -> Done<Vec<Product>> {
        Ok(self.state().products.many(ids))
    }
    async fn list_product_ids(&self, after: Option<ProductId>, limit: u32) -> Done<Vec<ProductId>> {
        let state = self.state();
        let mut ids: Vec<_> = state.products.rows().map(|row| row.id).filter(|id| Some(*id) > after).collect();
        ids.sort_unstable();
        ids.truncate(limit.try_into().unwrap_or(usize::MAX));
        Ok(ids)
    }
    async fn list_products(&self, sort: ProductSort, request: &PageRequest) -> Done<Page<Product>> {
        let state = self.state();
        let on_sale = state.products.rows().filter(|product| product.is_on_sale()).cloned();
        Ok(page(on_sale, |row| sort.key.position(row), sort.direction, request, usize::MAX, |_| 0))
    }
}
