//! Reading the catalogue.

use super::{ProductQueries, ProductSort, StockQueries, StockView};
use crate::kernel::{Actor, Denied, NotFound, Page, PageRequest, permit, use_case_error};
use skep_domain::{
    catalog::{Product, actions},
    shared::ProductId,
};
use std::sync::Arc;

use_case_error! {
    /// Why a product is not shown.
    GetProductError {
        Denied(Denied),
        NotFound(NotFound),
    }
}

use_case_error! {
    /// Why products are not listed.
    ListProductsError {
        Denied(Denied),
    }
}

use_case_error! {
    /// Why stock is not shown.
    GetStockError {
        Denied(Denied),
        NotFound(NotFound),
    }
}

/// Shows a product.
pub struct GetProduct {
    products: Arc<dyn ProductQueries>,
}

impl GetProduct {
    /// Shows products of this store.
    #[must_use]
    pub fn new(products: Arc<dyn ProductQueries>) -> Self {
        Self { products }
    }

    /// The product.
    ///
    /// # Errors
    /// [`GetProductError`]; an archived one is found only by those who may see archived ones.
    pub async fn execute(&self, actor: &Actor, id: ProductId) -> Result<Product, GetProductError> {
        permit(actor, actions::READ_PRODUCT)?;
        let product = self.products.find_product(id).await?;
        let visible = |product: &Product| product.archived_at.is_none() || sees_archived(actor);
        Ok(product.filter(visible).ok_or(NotFound("product"))?)
    }
}

/// Lists products.
pub struct ListProducts {
    products: Arc<dyn ProductQueries>,
}

impl ListProducts {
    /// Lists products of this store.
    #[must_use]
    pub fn new(products: Arc<dyn ProductQueries>) -> Self {
        Self { products }
    }

    /// A page of the products that are on sale.
    ///
    /// # Errors
    /// [`ListProductsError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        sort: ProductSort,
        page: &PageRequest,
    ) -> Result<Page<Product>, ListProductsError> {
        permit(actor, actions::READ_PRODUCT)?;
        Ok(self.products.list_products(sort, page).await?)
    }
}

/// How much of a product there is, as far as the actor may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockDetail {
    /// All of it.
    Full(StockView),
    /// How many can be had.
    Availability(StockView),
}

impl StockDetail {
    /// The stock.
    #[must_use]
    pub const fn view(&self) -> &StockView {
        match self {
            Self::Full(view) | Self::Availability(view) => view,
        }
    }
}

/// Shows stock.
pub struct GetStock {
    stock: Arc<dyn StockQueries>,
}

impl GetStock {
    /// Shows stock of this store.
    #[must_use]
    pub fn new(stock: Arc<dyn StockQueries>) -> Self {
        Self { stock }
    }

    /// How much of the product there is.
    ///
    /// # Errors
    /// [`GetStockError`].
    pub async fn execute(&self, actor: &Actor, id: ProductId) -> Result<StockDetail, GetStockError> {
        permit(actor, actions::READ_AVAILABILITY)?;
        let stock = self.stock.find_stock(id).await?;
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
