//! The operations of the catalog.

use crate::parts::Operation;
use skep_application::catalog::{
    ArchiveProductError, ChangeProductError, CreateProductError, GetProductError, GetStockError, ListProductsError,
    SetStockError,
};
use skep_domain::catalog::actions::{MANAGE_PRODUCT, MANAGE_STOCK, READ_AVAILABILITY, READ_PRODUCT};

/// Each operation, the action that it asks for, and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("create_product", MANAGE_PRODUCT, CreateProductError::REFUSALS),
    Operation::new("list_products", READ_PRODUCT, ListProductsError::REFUSALS),
    Operation::new("get_product", READ_PRODUCT, GetProductError::REFUSALS),
    Operation::new("replace_product", MANAGE_PRODUCT, ChangeProductError::REFUSALS),
    Operation::new("change_product", MANAGE_PRODUCT, ChangeProductError::REFUSALS),
    Operation::new("archive_product", MANAGE_PRODUCT, ArchiveProductError::REFUSALS),
    Operation::new("get_stock", READ_AVAILABILITY, GetStockError::REFUSALS),
    Operation::new("set_stock", MANAGE_STOCK, SetStockError::REFUSALS),
];
