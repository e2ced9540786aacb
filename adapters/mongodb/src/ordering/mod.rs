//! The orders of customers.

mod orders;
