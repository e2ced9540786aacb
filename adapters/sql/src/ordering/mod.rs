//! Orders.

pub(crate) mod migrations;
mod order_list;
mod orders;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    orders::declared().statements(order_list::statements())
}
