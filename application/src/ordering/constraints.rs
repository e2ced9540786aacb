//! The uniqueness rules of ordering. Each is the name of an index or key in every store.

use crate::kernel::Constraint;

/// The id of an order.
pub const ORDER_ID: Constraint = Constraint::new("orders_pkey");
/// The number of an order.
pub const ORDER_NUMBER: Constraint = Constraint::new("orders_number_key");
/// An order has at most one line per product.
pub const ORDER_LINE: Constraint = Constraint::new("order_lines_pkey");

/// Every rule.
pub const ALL: &[Constraint] = &[ORDER_ID, ORDER_NUMBER, ORDER_LINE];
