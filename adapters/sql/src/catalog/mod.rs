//! Products and stock.

mod products;
mod stock;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    products::declared().and(stock::declared())
}
