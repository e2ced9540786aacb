//! The orders of customers.

mod orders;
pub(crate) mod schema;
