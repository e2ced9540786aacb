//! Reading products and stock.

use super::{ProductQueries, ProductSort, StockQueries, StockView};
use crate::kernel::{Actor, Clock, GetError, ListError, LongList, NotFound, Page, PageRequest, Reader, permit};
use skep_domain::{
    catalog::{Product, actions},
    shared::ProductId,
};
use std::sync::Arc;

/// Returns one product. Archived products are for admins only.
pub struct GetProduct(Reader<dyn ProductQueries>);

impl GetProduct {
    /// Reads from this store.
    #[must_use]
    pub fn new(products: Arc<dyn ProductQueries>) -> Self {
        Self(Reader::new(actions::READ_PRODUCT, products))
    }

    /// Reads the product with this id. An archived product counts as not found unless the actor may read archived ones.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor, id: ProductId) -> Result<Product, GetError> {
        let product = self.0.open(actor)?.find_product(id).await?;
        let visible = |product: &Product| product.archived_at.is_none() || sees_archived(actor);
        Ok(product.filter(visible).ok_or(NotFound("product"))?)
    }
}

/// Returns pages of the products on sale.
pub struct ListProducts {
    products: Reader<dyn ProductQueries>,
    length: LongList,
}

impl ListProducts {
    /// Reads from this store. The clock decides how long the list counts as a long one.
    #[must_use]
    pub fn new(products: Arc<dyn ProductQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { products: Reader::new(actions::READ_PRODUCT, products), length: LongList::new(clock) }
    }

    /// Reads a page of the products that are on sale.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        sort: ProductSort,
        page: &PageRequest,
    ) -> Result<Page<Product>, ListError> {
        let products = self.products.open(actor)?;
        let asked = self.length.ask(page);
        Ok(self.length.complete(page, &asked, products.list_products(sort, &asked).await?))
    }
}

/// The stock of a product, as far as the actor may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockDetail {
    /// The actor may see all numbers.
    Full(StockView),
    /// The actor may see only `available`.
    Availability(StockView),
}

impl StockDetail {
    /// The numbers, including those that the actor may not see.
    #[must_use]
    pub const fn view(&self) -> &StockView {
        match self {
            Self::Full(view) | Self::Availability(view) => view,
        }
    }
}

/// Returns the stock of one product.
pub struct GetStock {
    stock: Reader<dyn StockQueries>,
    clock: Arc<dyn Clock>,
}

impl GetStock {
    /// Reads from this store. The clock decides which reservations have expired.
    #[must_use]
    pub fn new(stock: Arc<dyn StockQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { stock: Reader::new(actions::READ_AVAILABILITY, stock), clock }
    }

    /// Reads the stock of the product with this id.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor, id: ProductId) -> Result<StockDetail, GetError> {
        let stock = self.stock.open(actor)?.find_stock(id, self.clock.now()).await?;
        let stock = stock.filter(|stock| stock.on_sale || sees_archived(actor)).ok_or(NotFound("product"))?;
        let full = permit(actor, actions::MANAGE_STOCK).is_ok();
        Ok(if full { StockDetail::Full(stock) } else { StockDetail::Availability(stock) })
    }
}

fn sees_archived(actor: &Actor) -> bool {
    permit(actor, actions::READ_ARCHIVED_PRODUCT).is_ok()
}

#[cfg(test)]
mod tests;
