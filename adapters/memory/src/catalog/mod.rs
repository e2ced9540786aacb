//! Products, stock and categories.

mod categories;
mod products;
mod stock;
