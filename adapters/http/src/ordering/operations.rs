//! The operations of ordering.

use crate::{
    edge::BodyLimit,
    parts::{Cost, Operation},
};
use skep_application::{
    kernel::{GetError, ListError},
    ordering::{CancelOrderError, ConfirmPaymentError, PlaceOrderError},
};
use skep_domain::ordering::actions::{CANCEL_ORDER, CONFIRM_PAYMENT, PLACE_ORDER, READ_ORDER};

/// The limit of an order. 1,000 lines fit, with spaces and line breaks.
const ORDER: BodyLimit = BodyLimit::new(256, 30);

/// Each operation with its action and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("place_order", PLACE_ORDER, PlaceOrderError::REFUSALS).body(ORDER).cost(Cost::Lines),
    Operation::new("list_orders", READ_ORDER, ListError::REFUSALS).cost(Cost::Page),
    Operation::new("get_order", READ_ORDER, GetError::REFUSALS),
    Operation::new("cancel_order", CANCEL_ORDER, CancelOrderError::REFUSALS),
    Operation::new("confirm_payment", CONFIRM_PAYMENT, ConfirmPaymentError::REFUSALS),
];
