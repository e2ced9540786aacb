//! Orders.

mod orders;
