//! The actions on orders.

use crate::shared::{
    Action,
    BuiltInRole::{Auditor, Manager, Support, Viewer},
};

/// Place an order for yourself.
pub const PLACE_ORDER: Action = Action::account("ordering.order.place");
/// Read an order.
pub const READ_ORDER: Action = Action::account("ordering.order.read").of_others(&[Manager, Support, Auditor, Viewer]);
/// Cancel an order.
pub const CANCEL_ORDER: Action = Action::account("ordering.order.cancel").of_others(&[Manager, Support]);
/// Confirm that an order was paid.
pub const CONFIRM_PAYMENT: Action = Action::roles("ordering.payment.confirm", &[Manager]);
/// End an order that was not paid in time. The server does so by itself.
pub const EXPIRE_ORDER: Action = Action::admin("ordering.order.expire");

/// Every action of this context.
pub const ALL: &[Action] = &[PLACE_ORDER, READ_ORDER, CANCEL_ORDER, CONFIRM_PAYMENT, EXPIRE_ORDER];
