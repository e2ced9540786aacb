//! The use cases and queries of ordering.
//!
//! Uses `catalog`: prices and stock are read and changed by its published repositories.

mod cancel_order;
pub mod constraints;
#[cfg(test)]
mod fixtures;
mod place_order;
mod ports;
mod queries;

pub use cancel_order::{CancelOrder, CancelOrderCommand, CancelOrderError, NotCancellable};
pub use place_order::{InsufficientStock, OrderLineInput, PlaceOrder, PlaceOrderCommand, PlaceOrderError};
pub use ports::*;
pub use queries::{GetOrder, GetOrderError, ListOrders, ListOrdersError};
