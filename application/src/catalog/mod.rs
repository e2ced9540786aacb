//! The use cases and queries of the catalogue.

mod archive_product;
mod change_product;
pub mod constraints;
mod create_product;
#[cfg(test)]
mod fixtures;
mod ports;
mod queries;
mod set_stock;

pub use archive_product::{ArchiveProduct, ArchiveProductCommand, ArchiveProductError};
pub use change_product::{ChangeProduct, ChangeProductCommand, ChangeProductError, MoneyPatch, ProductPatch};
pub use create_product::{CreateProduct, CreateProductCommand, CreateProductError, MoneyInput, SkuTaken};
pub use ports::*;
pub use queries::{GetProduct, GetProductError, GetStock, GetStockError, ListProducts, ListProductsError, StockDetail};
pub use set_stock::{SetStock, SetStockCommand, SetStockError, StockBelowReserved};
