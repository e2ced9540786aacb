//! The operations of the catalog.

use crate::parts::Operation;
use skep_application::{
    catalog::{
        ArchiveProductError, ChangeProductError, CreateCategoryError, CreateProductError, DeleteCategoryError,
        MoveCategoryError, RenameCategoryError, SetStockError,
    },
    kernel::{GetError, ListError},
};
use skep_domain::catalog::actions::{
    MANAGE_CATEGORY, MANAGE_PRODUCT, MANAGE_STOCK, READ_AVAILABILITY, READ_CATEGORY, READ_PRODUCT,
};

/// Each operation, the action that it asks for, and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("create_product", MANAGE_PRODUCT, CreateProductError::REFUSALS),
    Operation::new("list_products", READ_PRODUCT, ListError::REFUSALS),
    Operation::new("get_product", READ_PRODUCT, GetError::REFUSALS),
    Operation::new("replace_product", MANAGE_PRODUCT, ChangeProductError::REFUSALS),
    Operation::new("change_product", MANAGE_PRODUCT, ChangeProductError::REFUSALS),
    Operation::new("archive_product", MANAGE_PRODUCT, ArchiveProductError::REFUSALS),
    Operation::new("get_stock", READ_AVAILABILITY, GetError::REFUSALS),
    Operation::new("set_stock", MANAGE_STOCK, SetStockError::REFUSALS),
    Operation::new("create_category", MANAGE_CATEGORY, CreateCategoryError::REFUSALS),
    Operation::new("list_categories", READ_CATEGORY, ListError::REFUSALS),
    Operation::new("get_category", READ_CATEGORY, GetError::REFUSALS),
    Operation::new("rename_category", MANAGE_CATEGORY, RenameCategoryError::REFUSALS),
    Operation::new("move_category", MANAGE_CATEGORY, MoveCategoryError::REFUSALS),
    Operation::new("delete_category", MANAGE_CATEGORY, DeleteCategoryError::REFUSALS),
];
