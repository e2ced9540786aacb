//! The actions on products, stock and categories.

use crate::shared::{
    Action,
    BuiltInRole::{Auditor, Editor, Manager, Support, Viewer},
};

/// Read products that are on sale.
pub const READ_PRODUCT: Action = Action::everyone("catalog.product.read");
/// Read archived products.
pub const READ_ARCHIVED_PRODUCT: Action =
    Action::roles("catalog.product.read_archived", &[Manager, Editor, Support, Auditor, Viewer]);
/// Create, change and archive products, and set their pictures.
pub const MANAGE_PRODUCT: Action = Action::roles("catalog.product.manage", &[Manager, Editor]);
/// Read how many pieces of a product are available.
pub const READ_AVAILABILITY: Action = Action::everyone("catalog.stock.read_availability");
/// See and set how many pieces of a product are on hand, and see how many are reserved.
pub const MANAGE_STOCK: Action = Action::roles("catalog.stock.manage", &[Manager]);
/// Read categories.
pub const READ_CATEGORY: Action = Action::everyone("catalog.category.read");
/// Create, change and delete categories.
pub const MANAGE_CATEGORY: Action = Action::roles("catalog.category.manage", &[Manager, Editor]);

/// Every action of this context.
pub const ALL: &[Action] = &[
    READ_PRODUCT,
    READ_ARCHIVED_PRODUCT,
    MANAGE_PRODUCT,
    READ_AVAILABILITY,
    MANAGE_STOCK,
    READ_CATEGORY,
    MANAGE_CATEGORY,
];
