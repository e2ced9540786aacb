//! The use cases and queries of ordering.
//!
//! Uses `catalog`: its repositories read prices, and read and change stock.

mod cancel_order;
mod confirm_payment;
pub mod constraints;
mod place_order;
mod ports;
mod queries;

pub use cancel_order::{CancelOrder, CancelOrderCommand, CancelOrderError, NotCancellable};
pub use confirm_payment::{ConfirmPayment, ConfirmPaymentCommand, ConfirmPaymentError};
pub use place_order::{InsufficientStock, OrderLineInput, PlaceOrder, PlaceOrderCommand, PlaceOrderError};
pub use ports::*;
pub use queries::{GetOrder, ListOrders};

use crate::{
    app::Ports,
    kernel::{Commands, UseCase},
};
use skep_domain::shared::Money;

/// The use cases of ordering.
pub struct Ordering {
    /// Places an order and reserves its stock.
    pub place_order: UseCase<PlaceOrder>,
    /// Cancels an order and releases its stock.
    pub cancel_order: UseCase<CancelOrder>,
    /// Records that an order was paid.
    pub confirm_payment: UseCase<ConfirmPayment>,
    /// Returns one order.
    pub get_order: GetOrder,
    /// Returns a page of orders.
    pub list_orders: ListOrders,
}

impl Ordering {
    /// Builds the use cases over these ports. `minimums` are the smallest totals of orders, one per currency.
    #[must_use]
    pub fn new(ports: &Ports, minimums: Vec<Money>) -> Self {
        let commands =
            Commands::<dyn OrderingTx>::new(ports.store.clone(), ports.fingerprints.clone(), ports.runtime.clone());
        Self {
            place_order: UseCase::new(PlaceOrder::new(minimums), &commands),
            cancel_order: UseCase::new(CancelOrder, &commands),
            confirm_payment: UseCase::new(ConfirmPayment, &commands),
            get_order: GetOrder::new(ports.store.clone()),
            list_orders: ListOrders::new(ports.store.clone()),
        }
    }
}
