//! Products, stock and categories.

mod categories;
pub(crate) mod migrations;
mod products;
mod stock;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    products::declared().and(stock::declared()).and(categories::declared())
}
