//! The operations of ordering.

use crate::parts::{Operation, Refusal};
use skep_domain::ordering::actions::{CANCEL_ORDER, PLACE_ORDER, READ_ORDER};

const INSUFFICIENT_STOCK: Refusal =
    Refusal::new(409, "insufficient_stock", "Something is short; errors names each line. Nothing was changed.");
const INVALID_TRANSITION: Refusal =
    Refusal::new(409, "invalid_transition", "The order has come too far to be called off.");

/// Each operation, the action that it asks for, and the refusals of its own.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("place_order", PLACE_ORDER).refuses(&[INSUFFICIENT_STOCK]),
    Operation::new("list_orders", READ_ORDER),
    Operation::new("get_order", READ_ORDER),
    Operation::new("cancel_order", CANCEL_ORDER).refuses(&[INVALID_TRANSITION]),
];
