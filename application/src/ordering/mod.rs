//! The use cases and queries of ordering.
//!
//! Uses `catalog`: its repositories read prices, and read and change stock.

mod cancel_order;
mod confirm_payment;
pub mod constraints;
pub(crate) mod erasures;
mod expire_orders;
mod held_stock;
mod order_policy;
mod place_order;
mod ports;
mod queries;

pub use cancel_order::{CancelOrder, CancelOrderCommand, CancelOrderError, NotCancellable};
pub use confirm_payment::{ConfirmPayment, ConfirmPaymentCommand, ConfirmPaymentError, ReservationExpired};
pub use expire_orders::{ExpireOrder, ExpireOrderError, ExpireOrders};
pub use order_policy::OrderPolicy;
pub use place_order::{
    InsufficientStock, OrderLineInput, PlaceOrder, PlaceOrderCommand, PlaceOrderError, TooManyOpenLines,
};
pub use ports::*;
pub use queries::{GetOrder, ListOrders};

use crate::{
    app::Ports,
    kernel::{Commands, UseCase},
};
use std::sync::Arc;

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
    /// Ends the orders that were not paid in time. The sweep of all contexts runs it.
    pub expire_orders: Arc<ExpireOrders>,
}

impl Ordering {
    /// Builds the use cases over these ports.
    #[must_use]
    pub fn new(ports: &Ports, policy: OrderPolicy) -> Self {
        let commands =
            Commands::<dyn OrderingTx>::new(ports.store.clone(), ports.fingerprints.clone(), ports.runtime.clone());
        Self {
            place_order: UseCase::new(PlaceOrder::new(policy), &commands),
            cancel_order: UseCase::new(CancelOrder, &commands),
            confirm_payment: UseCase::new(ConfirmPayment, &commands),
            get_order: GetOrder::new(ports.store.clone()),
            list_orders: ListOrders::new(ports.store.clone(), ports.runtime.clock.clone()),
            expire_orders: Arc::new(ExpireOrders::new(ports.store.clone(), &commands)),
        }
    }
}
