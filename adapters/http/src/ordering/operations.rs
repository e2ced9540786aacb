//! The operations of ordering.

use crate::parts::Operation;
use skep_application::{
    kernel::{GetError, ListError},
    ordering::{CancelOrderError, PlaceOrderError},
};
use skep_domain::ordering::actions::{CANCEL_ORDER, PLACE_ORDER, READ_ORDER};

/// Each operation, the action that it asks for, and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("place_order", PLACE_ORDER, PlaceOrderError::REFUSALS),
    Operation::new("list_orders", READ_ORDER, ListError::REFUSALS),
    Operation::new("get_order", READ_ORDER, GetError::REFUSALS),
    Operation::new("cancel_order", CANCEL_ORDER, CancelOrderError::REFUSALS),
];
