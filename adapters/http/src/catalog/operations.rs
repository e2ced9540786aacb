//! The operations of the catalog.

use crate::{
    edge::BodyLimit,
    parts::{Cost, Operation},
};
use skep_application::{
    catalog::{
        ArchiveProductError, ChangeProductError, CreateCategoryError, CreateProductError, DeleteCategoryError,
        MoveCategoryError, RenameCategoryError, SetPicturesError, SetStockError,
    },
    kernel::{GetError, ListError},
};
use skep_domain::catalog::actions::{
    MANAGE_CATEGORY, MANAGE_PRODUCT, MANAGE_STOCK, READ_AVAILABILITY, READ_CATEGORY, READ_PRODUCT,
};

/// The limit of a product: a description has up to 10,000 characters.
const PRODUCT: BodyLimit = BodyLimit::new(128, 30);
/// The limit of pictures: an alternative text has up to 250 characters.
const PICTURES: BodyLimit = BodyLimit::new(64, 30);
/// The limit of a few short values: a number of pieces, or the name and the slug of a category.
const SHORT: BodyLimit = BodyLimit::new(4, 10);

/// Each operation with its action and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("create_product", MANAGE_PRODUCT, CreateProductError::REFUSALS).body(PRODUCT),
    Operation::new("list_products", READ_PRODUCT, ListError::REFUSALS).cost(Cost::Search),
    Operation::new("get_product", READ_PRODUCT, GetError::REFUSALS),
    Operation::new("replace_product", MANAGE_PRODUCT, ChangeProductError::REFUSALS).body(PRODUCT),
    Operation::new("change_product", MANAGE_PRODUCT, ChangeProductError::REFUSALS).body(PRODUCT),
    Operation::new("set_pictures", MANAGE_PRODUCT, SetPicturesError::REFUSALS).body(PICTURES),
    Operation::new("archive_product", MANAGE_PRODUCT, ArchiveProductError::REFUSALS),
    Operation::new("get_stock", READ_AVAILABILITY, GetError::REFUSALS),
    Operation::new("set_stock", MANAGE_STOCK, SetStockError::REFUSALS).body(SHORT),
    Operation::new("create_category", MANAGE_CATEGORY, CreateCategoryError::REFUSALS).body(SHORT),
    Operation::new("list_categories", READ_CATEGORY, ListError::REFUSALS).cost(Cost::Page),
    Operation::new("get_category", READ_CATEGORY, GetError::REFUSALS),
    Operation::new("rename_category", MANAGE_CATEGORY, RenameCategoryError::REFUSALS).body(SHORT),
    Operation::new("move_category", MANAGE_CATEGORY, MoveCategoryError::REFUSALS).body(SHORT),
    Operation::new("delete_category", MANAGE_CATEGORY, DeleteCategoryError::REFUSALS),
];
