//! Products and stock.

pub(crate) mod product_list;
pub(crate) mod products;
pub(crate) mod stock;
