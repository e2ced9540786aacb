//! Symbolic operations on orders.

use super::Command;
use crate::{
    call,
    catalog::{self, Quantity, quantity},
    desk::{Desk, Mark, UNKNOWN, direction, request},
    step::{self, Target, which},
};
use proptest::{collection::vec, prelude::*};
use skep_application::{
    kernel::Precondition,
    ordering::{CancelOrderCommand, ConfirmPaymentCommand, OrderLineInput, PlaceOrderCommand},
};
use skep_domain::shared::{Direction, OrderId};

/// An operation on orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Orders products.
    Place(Vec<(Target, Quantity)>),
    /// Cancels an order.
    Cancel(Target),
    /// Records that an order was paid.
    Confirm(Target),
    /// Reads an order.
    GetOrder(Target),
    /// Reads the first page: whether descending, limit, whether to count.
    List(bool, i64, bool),
    /// Reads the page after an earlier one: its index, limit, whether to take a position in the list of products.
    Next(usize, i64, bool),
}

pub(super) fn place(lines: usize) -> impl Strategy<Value = Operation> {
    let lines = prop_oneof![1 => Just(0), 9 => 1..=2_usize, 3 => 1..=lines];
    lines.prop_flat_map(|lines| vec((which(), quantity()), lines)).prop_map(Operation::Place)
}

/// The orders and pages that a caller has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) orders: Vec<OrderId>,
    pub(super) marks: Vec<Mark<Direction>>,
}

impl Seen {
    fn order(&self, which: Target) -> OrderId {
        which.pick(&self.orders).unwrap_or(OrderId::new(UNKNOWN))
    }
}

impl step::Operation for Operation {
    fn command(&self, desk: &Desk) -> call::Command {
        let (seen, products) = (desk.seen::<Seen>(), desk.seen::<catalog::Seen>());
        call::Command::new(match self {
            Self::Place(lines) => {
                let lines = lines.iter().map(|(which, quantity)| {
                    let product_id = products.product(*which);
                    OrderLineInput { product_id, quantity: products.quantity(product_id, *quantity) }
                });
                Command::PlaceOrder(PlaceOrderCommand { lines: lines.collect() })
            }
            Self::Cancel(which) => Command::CancelOrder(CancelOrderCommand {
                order_id: seen.order(*which),
                precondition: Precondition::Missing,
            }),
            Self::Confirm(which) => Command::ConfirmPayment(ConfirmPaymentCommand {
                order_id: seen.order(*which),
                precondition: Precondition::Missing,
            }),
            Self::GetOrder(which) => Command::GetOrder(seen.order(*which)),
            Self::List(descends, limit, count) => {
                Command::ListOrders(direction(*descends), request(None, *limit, *count))
            }
            Self::Next(n, limit, true) => {
                Command::ListOrders(Direction::Ascending, request(products.position(*n), *limit, true))
            }
            Self::Next(n, limit, false) => {
                let mark = Target::Nth(*n).pick(&seen.marks);
                let Mark { sort, after } = mark.unwrap_or(Mark { sort: Direction::Descending, after: None });
                Command::ListOrders(sort, request(after, *limit, n % 2 == 0))
            }
        })
    }
}
