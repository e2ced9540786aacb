//! The use cases and queries of the catalog.
//!
//! Uses `files`, which keep the pictures of products.
//! Uses `search`, which finds products.

mod archive_product;
mod category_fields;
mod category_queries;
#[cfg(test)]
mod category_tests;
mod change_product;
pub mod constraints;
mod create_category;
mod create_product;
mod delete_category;
pub(crate) mod erasures;
mod expired;
mod move_category;
mod ports;
mod product_fields;
mod queries;
mod rename_category;
mod search_products;
mod set_pictures;
mod set_stock;
mod stored_products;

pub use archive_product::{ArchiveProduct, ArchiveProductCommand, ArchiveProductError};
pub use category_fields::SlugTaken;
pub use category_queries::{GetCategory, ListCategories};
pub use change_product::{ChangeProduct, ChangeProductCommand, ChangeProductError, MoneyPatch, ProductPatch};
pub use create_category::{CategoryTooDeep, CreateCategory, CreateCategoryCommand, CreateCategoryError};
pub use create_product::{CreateProduct, CreateProductCommand, CreateProductError};
pub use delete_category::{CategoryHasChildren, DeleteCategory, DeleteCategoryCommand, DeleteCategoryError};
pub(crate) use expired::list_expired;
pub use move_category::{CategoryCycle, MoveCategory, MoveCategoryCommand, MoveCategoryError};
pub use ports::*;
pub use product_fields::{MoneyInput, SkuTaken};
pub use queries::{GetProduct, GetStock, ListProducts, StockDetail};
pub use rename_category::{RenameCategory, RenameCategoryCommand, RenameCategoryError};
pub use search_products::SearchProducts;
pub use set_pictures::{PictureInput, SetPictures, SetPicturesCommand, SetPicturesError};
pub use set_stock::{SetStock, SetStockCommand, SetStockError, StockBelowReserved};
pub use stored_products::ProductSource;

use crate::{
    app::Ports,
    kernel::{Commands, NotFound, UseCase},
    search::{SearchIndex, SearchPolicy},
};
use skep_domain::catalog::Product;
use std::sync::Arc;

/// The use cases of the catalog.
pub struct Catalog {
    /// Creates a product with its first stock.
    pub create_product: UseCase<CreateProduct>,
    /// Changes some or all fields of a product.
    pub change_product: UseCase<ChangeProduct>,
    /// Replaces the pictures of a product.
    pub set_pictures: UseCase<SetPictures>,
    /// Archives a product, so that it is no longer on sale.
    pub archive_product: UseCase<ArchiveProduct>,
    /// Sets the counted pieces of a product.
    pub set_stock: UseCase<SetStock>,
    /// Returns one product.
    pub get_product: GetProduct,
    /// Returns a page of the products on sale.
    pub list_products: ListProducts,
    /// Finds products on sale by their words.
    pub search_products: SearchProducts,
    /// Returns the stock of one product.
    pub get_stock: GetStock,
    /// Creates a category, possibly under another one.
    pub create_category: UseCase<CreateCategory>,
    /// Gives a category another name or slug.
    pub rename_category: UseCase<RenameCategory>,
    /// Puts a category under another one, or at the top.
    pub move_category: UseCase<MoveCategory>,
    /// Deletes a category without subcategories.
    pub delete_category: UseCase<DeleteCategory>,
    /// Returns one category.
    pub get_category: GetCategory,
    /// Returns a page of categories.
    pub list_categories: ListCategories,
}

impl Catalog {
    /// Builds the use cases over these ports. `index` finds the products within the bounds of `policy`.
    #[must_use]
    pub fn new(ports: &Ports, index: Arc<dyn SearchIndex>, policy: SearchPolicy) -> Self {
        let commands =
            Commands::<dyn CatalogTx>::new(ports.store.clone(), ports.fingerprints.clone(), ports.runtime.clone());
        Self {
            create_product: UseCase::new(CreateProduct, &commands),
            change_product: UseCase::new(ChangeProduct, &commands),
            set_pictures: UseCase::new(SetPictures, &commands),
            archive_product: UseCase::new(ArchiveProduct, &commands),
            set_stock: UseCase::new(SetStock, &commands),
            get_product: GetProduct::new(ports.store.clone()),
            list_products: ListProducts::new(ports.store.clone(), ports.runtime.clock.clone()),
            search_products: SearchProducts::new(ports.store.clone(), index, policy),
            get_stock: GetStock::new(ports.store.clone(), ports.runtime.clock.clone()),
            create_category: UseCase::new(CreateCategory, &commands),
            rename_category: UseCase::new(RenameCategory, &commands),
            move_category: UseCase::new(MoveCategory, &commands),
            delete_category: UseCase::new(DeleteCategory, &commands),
            get_category: GetCategory::new(ports.store.clone()),
            list_categories: ListCategories::new(ports.store.clone(), ports.runtime.clock.clone()),
        }
    }
}

/// Refuses an archived product as not found.
fn on_sale(product: &Product) -> Result<(), NotFound> {
    if product.is_on_sale() { Ok(()) } else { Err(NotFound("product")) }
}
