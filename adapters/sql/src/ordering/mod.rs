//! Orders.

pub(crate) mod order_list;
pub(crate) mod orders;
