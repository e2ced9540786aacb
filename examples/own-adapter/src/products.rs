use async_trait::async_trait;
use skep_application::{
    catalog::{ProductQueries, ProductRepository, ProductSort},
    kernel::{Page, PageRequest, StoreError, Transaction, TxMode},
};
use skep_domain::{catalog::Product, shared::ProductId, shared::Version};
use skep_memory::{Table, page};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard, RwLock};

type Done<T> = Result<T, StoreError>;

/// Products in one table, which checks keys, versions and unique values. One unit of work writes at a time.
#[derive(Clone, Default)]
pub struct OwnProducts {
    rows: Arc<RwLock<Table<Product>>>,
    turn: Arc<Mutex<()>>,
}

/// A unit of work. It has its own copy of the rows, and holds the turn if it may write.
pub struct OwnUnit {
    store: OwnProducts,
    draft: Table<Product>,
    failed: bool,
    turn: Option<OwnedMutexGuard<()>>,
}

impl OwnProducts {
    /// Opens a unit of work. A writing unit waits for its turn.
    pub async fn open(&self, mode: TxMode) -> OwnUnit {
        let turn = if mode == TxMode::Write { Some(self.turn.clone().lock_owned().await) } else { None };
        OwnUnit { store: self.clone(), draft: self.rows.read().await.clone(), failed: false, turn }
    }
}

impl OwnUnit {
    fn run<T>(&mut self, statement: impl FnOnce(&mut Table<Product>) -> Done<T>) -> Done<T> {
        let done = if self.failed { Err(StoreError::after_error()) } else { statement(&mut self.draft) };
        self.failed = done.is_err();
        done
    }
}

#[async_trait]
impl Transaction for OwnUnit {
    async fn commit(self: Box<Self>) -> Done<()> {
        if self.turn.is_some() && !self.failed {
            *self.store.rows.write().await = self.draft;
        }
        if self.failed { Err(StoreError::after_error()) } else { Ok(()) }
    }
    async fn rollback(self: Box<Self>) -> Done<()> {
        Ok(())
    }
}

#[async_trait]
impl ProductRepository for OwnUnit {
    async fn find(&mut self, id: ProductId) -> Done<Option<Product>> {
        self.run(|rows| Ok(rows.get(id).cloned()))
    }
    async fn find_many(&mut self, ids: &[ProductId]) -> Done<Vec<Product>> {
        self.run(|rows| Ok(rows.many(ids)))
    }
    async fn insert(&mut self, product: &Product) -> Done<()> {
        self.run(|rows| rows.insert(product))
    }
    async fn save(&mut self, product: &Product) -> Done<Version> {
        self.run(|rows| rows.save(product))
    }
}

#[async_trait]
impl ProductQueries for OwnProducts {
    async fn find_product(&self, id: ProductId) -> Done<Option<Product>> {
        Ok(self.rows.read().await.get(id).cloned())
    }
    async fn find_products(&self, ids: &[ProductId]) -> Done<Vec<Product>> {
        Ok(self.rows.read().await.many(ids))
    }
    async fn list_product_ids(&self, after: Option<ProductId>, limit: u32) -> Done<Vec<ProductId>> {
        let rows = self.rows.read().await;
        let mut ids: Vec<_> = rows.rows().map(|product| product.id).filter(|id| Some(*id) > after).collect();
        ids.sort_unstable();
        ids.truncate(limit.try_into().unwrap_or(usize::MAX));
        Ok(ids)
    }
    async fn list_products(&self, sort: ProductSort, request: &PageRequest) -> Done<Page<Product>> {
        let rows = self.rows.read().await;
        let on_sale = rows.rows().filter(|product| product.is_on_sale()).cloned();
        Ok(page(on_sale, |row| sort.key.position(row), sort.direction, request, usize::MAX, |_| 0))
    }
}
