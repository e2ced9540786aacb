//! The operations of ordering.

use crate::{
    edge::BodyLimit,
    parts::{Cost, Operation},
};
use skep_application::{
    kernel::{GetError, ListError},
    ordering::{CancelOrderError, ConfirmPaymentError, PlaceOrderError},
};
use skep_domain::ordering::{
    MAX_LINES,
    actions::{CANCEL_ORDER, CONFIRM_PAYMENT, PLACE_ORDER, READ_ORDER},
};

/// The limit of an order. 1,000 lines fit, with spaces and line breaks.
const ORDER: BodyLimit = BodyLimit::new(256, 30);

/// A line without spaces, and with the comma after it: `{"product_id":"00000000-0000-0000-0000-000000000000","quantity":1},`.
const LINES: Cost = Cost::Lines { shortest: 67, most: MAX_LINES + 1 };

/// Each operation with its action and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("place_order", PLACE_ORDER, PlaceOrderError::REFUSALS).body(ORDER).cost(LINES),
    Operation::new("list_orders", READ_ORDER, ListError::REFUSALS).cost(Cost::Page),
    Operation::new("get_order", READ_ORDER, GetError::REFUSALS),
    Operation::new("cancel_order", CANCEL_ORDER, CancelOrderError::REFUSALS).seen_by(READ_ORDER),
    Operation::new("confirm_payment", CONFIRM_PAYMENT, ConfirmPaymentError::REFUSALS),
];
