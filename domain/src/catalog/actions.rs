//! What can be done with products and stock.

use crate::shared::Action;

/// Read products that are on sale.
pub const READ_PRODUCT: Action = Action::everyone("catalog.product.read");
/// Read archived products.
pub const READ_ARCHIVED_PRODUCT: Action = Action::admin("catalog.product.read_archived");
/// Create, change and archive products.
pub const MANAGE_PRODUCT: Action = Action::admin("catalog.product.manage");
/// Read how many pieces of a product are available.
pub const READ_AVAILABILITY: Action = Action::everyone("catalog.stock.read_availability");
/// See and set how many pieces of a product are on hand, and see how many are reserved.
pub const MANAGE_STOCK: Action = Action::admin("catalog.stock.manage");

/// Every action of this context.
pub const ALL: &[Action] = &[READ_PRODUCT, READ_ARCHIVED_PRODUCT, MANAGE_PRODUCT, READ_AVAILABILITY, MANAGE_STOCK];
