//! The uniqueness rules of catalog. Each is the name of an index or key in every store.

use crate::kernel::Constraint;

/// The id of a product.
pub const PRODUCT_ID: Constraint = Constraint::new("products_pkey");
/// The SKU of a product.
pub const PRODUCT_SKU: Constraint = Constraint::new("products_sku_key");
/// One stock level per product.
pub const STOCK_LEVEL_PRODUCT: Constraint = Constraint::new("stock_levels_pkey");
/// The id of a row of the stock ledger.
pub const MOVEMENT_ID: Constraint = Constraint::new("stock_movements_pkey");
/// The id of a reservation.
pub const RESERVATION_ID: Constraint = Constraint::new("reservations_pkey");
/// The id of a category.
pub const CATEGORY_ID: Constraint = Constraint::new("categories_pkey");
/// The slug of a category.
pub const CATEGORY_SLUG: Constraint = Constraint::new("categories_slug_key");
/// The parent of a category exists. In stores with foreign keys it names one. It is not in [`ALL`].
pub const CATEGORY_PARENT: Constraint = Constraint::new("categories_parent_id_fkey");

/// Every uniqueness rule.
pub const ALL: &[Constraint] =
    &[PRODUCT_ID, PRODUCT_SKU, STOCK_LEVEL_PRODUCT, MOVEMENT_ID, RESERVATION_ID, CATEGORY_ID, CATEGORY_SLUG];
