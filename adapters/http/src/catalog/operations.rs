//! The operations of the catalog.

use crate::parts::{Operation, Refusal};
use skep_domain::catalog::actions::{MANAGE_PRODUCT, MANAGE_STOCK, READ_AVAILABILITY, READ_PRODUCT};

const SKU_TAKEN: Refusal = Refusal::new(409, "sku_taken", "Another product has this SKU.");
const STOCK_BELOW_RESERVED: Refusal =
    Refusal::new(409, "stock_below_reserved", "Orders have reserved more pieces than that.");

/// Each operation, the action that it asks for, and the refusals of its own.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("create_product", MANAGE_PRODUCT).refuses(&[SKU_TAKEN]),
    Operation::new("list_products", READ_PRODUCT),
    Operation::new("get_product", READ_PRODUCT),
    Operation::new("replace_product", MANAGE_PRODUCT).refuses(&[SKU_TAKEN]),
    Operation::new("change_product", MANAGE_PRODUCT).refuses(&[SKU_TAKEN]),
    Operation::new("archive_product", MANAGE_PRODUCT),
    Operation::new("get_stock", READ_AVAILABILITY),
    Operation::new("set_stock", MANAGE_STOCK).refuses(&[STOCK_BELOW_RESERVED]),
];
