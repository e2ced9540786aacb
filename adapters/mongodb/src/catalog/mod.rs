//! Products and their stock.

mod products;
mod reservations;
mod stock;
