//! Products, their stock, and categories.

mod categories;
mod products;
mod reservations;
pub(crate) mod schema;
mod stock;
